//! Serialisation of [`Compute`] by name, such as `avx2` or `avx512_vnni`.

use headstart_engine::frozen::Compute;
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
    Compute::by_name(&name).ok_or_else(|| D::Error::custom(format!("this processor has no {name}")))
}
