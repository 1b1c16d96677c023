//! What is measured of pictures against Pillow, NumPy and SciPy. The fixtures come from
//! `tools/reference/facts.py`.

mod support;

use headstart_data::decode::{Format, Header, header};
use headstart_data::{Facts, Limits, decode};
use support::{bytes, fixture, rgb, table};

const PNG: Header = Header { format: Format::Png, width: 640, height: 480, orientation: 1 };

#[test]
fn measures_are_those_of_pillow_numpy_and_scipy() {
    for [file, luma, contrast, black, white, blur, colourfulness, cells] in table("facts.tsv") {
        let picture = rgb(&file);
        let facts = Facts::new(&PNG, picture.pixels(), picture.width());
        for (what, found, expected) in [
            ("luma", facts.luma, luma),
            ("contrast", facts.contrast, contrast),
            ("black", facts.black, black),
            ("white", facts.white, white),
            ("blur", facts.blur, blur),
            ("colourfulness", facts.colourfulness, colourfulness),
        ] {
            let expected: f32 = expected.parse().unwrap();
            let off = (found - expected).abs();
            assert!(off <= 1e-5 * expected.max(1.0), "{what} of {file}: {found}, not {expected}");
        }
        let expected: Vec<u8> = cells.split(',').map(|cell| cell.parse().unwrap()).collect();
        assert_eq!(facts.thumbnail, expected[..], "{file}");
    }
}

#[test]
fn bytes_bring_all_facts_back_and_nothing_else_is_taken() {
    for (number, format) in Format::ALL.into_iter().enumerate() {
        let header = Header { format, width: u32::MAX, height: 7, orientation: number as u8 + 1 };
        let picture = rgb("facts/source_61x47.rgb");
        let facts = Facts::new(&header, picture.pixels(), picture.width());
        assert_eq!(Facts::from_bytes(&facts.to_bytes()), Some(facts));
    }
    let beyond = Format::ALL.len() as u8;
    assert_eq!(Facts::from_bytes(&[beyond; Facts::BYTES]), None);
}

#[test]
fn a_picture_without_a_pixel_for_each_cell_or_box_has_facts() {
    for (width, height) in [(1, 1), (1, 40), (9, 9), (10, 1), (15, 17)] {
        let facts = Facts::new(&PNG, &vec![100; width * height * 3], width);
        assert_eq!((facts.thumbnail, facts.blur, facts.contrast), ([100; 256], 1.0, 0.0));
    }
}

#[test]
fn the_header_has_the_size_of_the_upright_picture() {
    let limits = Limits::default();
    for [file, ..] in table::<4>("decode.tsv") {
        let file = bytes(&format!("decode/{file}"));
        let (header, picture) = (header(&file, &limits).unwrap(), decode(&file, &limits).unwrap());
        let sides = (header.width as usize, header.height as usize);
        assert_eq!(sides, (picture.width(), picture.height()));
    }
    let formats =
        [("jpeg_orientation_6.jpg", Format::Jpeg, 6), ("webp_lossy.webp", Format::WebP, 1)];
    for (file, format, orientation) in formats {
        let header = header(&bytes(&format!("decode/{file}")), &limits).unwrap();
        assert_eq!((header.format, header.orientation), (format, orientation));
    }
    assert!(header(&std::fs::read(fixture("decode.tsv")).unwrap(), &limits).is_err());
}
