//! Additions to pulp's `Simd` trait.

use std::any::TypeId;

use pulp::Simd;

/// Vectors of eight lanes as plain arrays, which the compiler maps to the target's vectors.
pub(crate) type Portable = pulp::Scalar256b;

#[inline(always)]
pub(crate) fn is_portable<S: Simd>() -> bool {
    TypeId::of::<S>() == TypeId::of::<Portable>()
}

/// `a * b + c`, fused if the instruction set supports it. The fused operation of [`Portable`] would call the C library
/// for each lane.
#[inline(always)]
pub(crate) fn mul_add<S: Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
    if is_portable::<S>() {
        simd.add_f32s(simd.mul_f32s(a, b), c)
    } else {
        simd.mul_add_f32s(a, b, c)
    }
}

/// Loads up to one vector from the start of `from`; lanes past its end are zero.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, from: &[f32]) -> S::f32s {
    match S::as_simd_f32s(from).0.first() {
        Some(vector) => *vector,
        None => simd.partial_load_f32s(from),
    }
}

/// Stores a vector, or as many of its lanes as `to` has room for, at the start of `to`.
#[inline(always)]
pub(crate) fn store<S: Simd>(simd: S, to: &mut [f32], vector: S::f32s) {
    match S::as_mut_simd_f32s(to).0.first_mut() {
        Some(place) => *place = vector,
        None => simd.partial_store_f32s(to, vector),
    }
}

#[inline(always)]
pub(crate) fn clamp<S: Simd>(simd: S, x: S::f32s, min: S::f32s, max: S::f32s) -> S::f32s {
    simd.min_f32s(simd.max_f32s(x, min), max)
}
