//! Round trip of safetensors in memory.

use std::collections::BTreeMap;

use headstart_model::Tensor;
use headstart_model::safetensors::{OutOfRange, ReadError, Stored, WriteError, read, write};

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
