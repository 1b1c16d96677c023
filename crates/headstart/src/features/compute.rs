//! Serialisation of [`Compute`] by name, such as `avx2` or `avx512_bf16`.

use headstart_engine::Isa;
use headstart_engine::frozen::{Bf16, Compute};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

/// Whether it is the best that this processor supports.
pub(super) fn is_default(compute: &Compute) -> bool {
    *compute == Compute::default()
}

pub(super) fn serialize<S: Serializer>(compute: &Compute, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(compute.name())
}

/// # Errors
/// When this processor does not support it.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Compute, D::Error> {
    let name = String::deserialize(from)?;
    let f32 = Isa::by_name(&name).map(Compute::from);
    let bf16 = || Bf16::available().into_iter().find(|bf16| bf16.name() == name);
    let bf16 = || bf16().map(|bf16| Compute { isa: bf16.simd(), bf16: Some(bf16) });
    f32.or_else(bf16).ok_or_else(|| D::Error::custom(format!("this processor has no {name}")))
}
