//! Round trip of safetensors in memory.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};

use headstart_model::Tensor;
use headstart_model::safetensors::{
    Contents, OutOfRange, ReadError, Stored, WriteError, read, read_from, write,
};

fn tensor(data: &[f32]) -> Tensor {
    Tensor { shape: vec![data.len()], data: data.to_vec() }
}

#[test]
fn bytes_hold_tensors_and_metadata() {
    let (whole, half) = (tensor(&[0.1, -2.0, f32::MAX]), tensor(&[0.5, 65_504.0]));
    let metadata = BTreeMap::from([("license".to_owned(), "MIT".to_owned())]);
    let mut bytes = Vec::new();
    // In any order.
    write(&mut bytes, [("b", &half, Stored::F16), ("a", &whole, Stored::F32)], &metadata).unwrap();
    let contents = read(&bytes).unwrap();
    assert_eq!(contents.tensors, BTreeMap::from([("a".into(), whole), ("b".into(), half)]));
    assert_eq!(contents.metadata, metadata);
    assert!(contents.others.is_empty());

    let cut = |length: usize| read(&bytes[..length]).unwrap_err();
    assert!(matches!(cut(0), ReadError::HeaderCutShort));
    assert!(matches!(cut(7), ReadError::HeaderCutShort));
    assert!(matches!(cut(20), ReadError::HeaderCutShort));
    assert!(matches!(cut(bytes.len() - 1), ReadError::OtherLength));
}

#[test]
fn a_value_that_f16_cannot_hold_is_not_written() {
    let large = tensor(&[1.0, f32::INFINITY, 1e5]);
    let mut bytes = Vec::new();
    let error = write(&mut bytes, [("w", &large, Stored::F16)], &BTreeMap::new()).unwrap_err();
    let WriteError::OutOfRange(found) = error else { panic!("{error}") };
    assert_eq!(found, OutOfRange { tensor: "w".to_owned(), value: 1e5 });
    assert!(bytes.is_empty());
}

/// A file with tensors of every type, some of which are not decoded.
fn of_every_type() -> Vec<u8> {
    let header = r#"{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]},"c":{"dtype":"F16","shape":[],"data_offsets":[11,13]},"d":{"dtype":"F64","shape":[1,1],"data_offsets":[13,21]},"e":{"dtype":"BF16","shape":[2],"data_offsets":[21,25]},"f":{"dtype":"F32","shape":[0,4],"data_offsets":[25,25]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend([1.5_f32, -2.5].iter().flat_map(|x| x.to_le_bytes()));
    bytes.extend([7, 8, 9]);
    bytes.extend(half::f16::from_f32(0.25).to_le_bytes());
    bytes.extend((-0.5_f64).to_le_bytes());
    bytes.extend([4.0, 8.0].iter().flat_map(|&x| half::bf16::from_f32(x).to_le_bytes()));
    bytes
}

#[test]
fn a_stream_gives_what_its_bytes_give_however_they_are_cut() {
    let bytes = of_every_type();
    let whole = read(&bytes).unwrap();
    let expected: BTreeMap<String, Tensor> = [
        ("a", vec![2], vec![1.5, -2.5]),
        ("c", vec![], vec![0.25]),
        ("d", vec![1, 1], vec![-0.5]),
        ("e", vec![2], vec![4.0, 8.0]),
        ("f", vec![0, 4], vec![]),
    ]
    .into_iter()
    .map(|(name, shape, data)| (name.to_owned(), Tensor { shape, data }))
    .collect();
    let others = BTreeMap::from([("b".to_owned(), vec![3])]);
    let metadata = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    assert_eq!(whole, Contents { tensors: expected, others, metadata });
    for capacity in [1, 2, 3, 5, 8, 1000] {
        let mut source = BufReader::with_capacity(capacity, &*bytes);
        assert_eq!(read_from(&mut source, bytes.len() as u64).unwrap(), whole, "{capacity}");
    }
}

#[test]
fn a_stream_that_ends_early_or_fails_is_an_error() {
    let bytes = of_every_type();
    for end in 8..bytes.len() {
        // The file has become shorter since its length was asked for.
        let error = read_from(&mut &bytes[..end], bytes.len() as u64).unwrap_err();
        assert!(matches!(error, ReadError::OtherLength), "{end}: {error}");
    }
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("no such luck"))
        }
    }
    for end in [0, 20, bytes.len() - 30, bytes.len() - 20, bytes.len() - 1] {
        let mut source = BufReader::with_capacity(4, bytes[..end].chain(Fails));
        let error = read_from(&mut source, bytes.len() as u64).unwrap_err();
        assert!(matches!(error, ReadError::Io(_)), "{end}: {error}");
    }
}
