use image::metadata::Orientation;

/// Whether rows become columns.
pub(crate) fn turns(orientation: Orientation) -> bool {
    !matches!(
        orientation,
        Orientation::NoTransforms
            | Orientation::FlipHorizontal
            | Orientation::FlipVertical
            | Orientation::Rotate180
    )
}

/// How many copies of a picture turning it needs: the rest is done in place.
pub(crate) fn copies(orientation: Orientation) -> u64 {
    u64::from(turns(orientation))
}
