//! Any tensors survive writing and reading.

use std::collections::BTreeMap;

use half::f16;
use headstart_formats::read;
use headstart_formats::safetensors::{Stored, write};
use headstart_model::Tensor;
use proptest::prelude::*;

fn tensor() -> impl Strategy<Value = Tensor> {
    prop::collection::vec(0..5_usize, 0..4).prop_flat_map(|shape| {
        let values = prop::collection::vec(any::<f32>(), shape.iter().product::<usize>());
        values.prop_map(move |data| Tensor::new(shape.clone(), data))
    })
}

/// The bits of each value: even those of a NaN are preserved.
fn bits(tensor: &Tensor) -> Vec<u32> {
    tensor.data.iter().map(|x| x.to_bits()).collect()
}

proptest! {
    #[test]
    fn tensors_and_metadata_are_read_as_they_were_written(
        tensors in prop::collection::btree_map("[a-z_/.é\"\\\\]{1,12}", tensor(), 0..6),
        metadata in prop::collection::btree_map(".{0,8}", ".{0,20}", 0..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let stored = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor, Stored::F32));
        write(&path, stored, &metadata).unwrap();
        let found = read(&path).unwrap();
        prop_assert_eq!(&found.metadata, &metadata);
        let shapes_and_bits = |tensors: &BTreeMap<String, Tensor>| -> Vec<_> {
            let each = |(name, t): (&String, &Tensor)| (name.clone(), t.shape.clone(), bits(t));
            tensors.iter().map(each).collect()
        };
        prop_assert_eq!(shapes_and_bits(&found.tensors), shapes_and_bits(&tensors));
    }

    #[test]
    fn values_written_in_half_are_the_nearest(
        values in prop::collection::vec(-60_000.0..60_000.0_f32, 0..50),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let tensor = Tensor::new(vec![values.len()], values.clone());
        write(&path, [("a", &tensor, Stored::F16)], &BTreeMap::new()).unwrap();
        let expected: Vec<f32> = values.iter().map(|&x| f16::from_f32(x).to_f32()).collect();
        prop_assert_eq!(&read(&path).unwrap().tensors["a"].data, &expected);
    }
}
