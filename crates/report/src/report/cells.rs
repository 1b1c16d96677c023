//! The pictures in the cells of the confusion matrix, for the page's script.

use std::collections::BTreeMap;

use headstart::data::{Location, Reader};
use rayon::prelude::*;
use serde::Serialize;

use super::judged::Judged;
use crate::picture::{enough, thumbnail};

/// The longer side of a thumbnail, in pixels.
const SIDE: usize = 128;
/// Maximum number of thumbnails in all cells.
const THUMBNAILS: usize = 600;
/// Maximum total size of the thumbnails in the page, in bytes. With the pictures of the lists, the page should still
/// be small enough for an e-mail.
const ROOM: usize = 2_500_000;
/// Maximum number of pictures that are named.
const NAMED: usize = 20_000;

/// The data for the script.
#[derive(Serialize)]
pub(super) struct Cells {
    classes: Vec<String>,
    /// The pictures of each cell, keyed by truth and prediction, the most confident prediction first.
    cells: BTreeMap<String, Cell>,
    /// Data URIs, by the number of the picture.
    thumbnails: BTreeMap<usize, String>,
}

/// The number of pictures in a cell, and those that are named.
#[derive(Serialize)]
struct Cell {
    count: usize,
    pictures: Vec<Entry>,
}

/// A picture: its number, its path, and the confidence of the prediction in thousandths.
#[derive(Serialize)]
struct Entry(usize, String, u32);

impl Cells {
    /// Collects the cells for pictures with one label each. Mistakes get thumbnails first, one per cell in turn.
    /// Thumbnails are made within `memory` bytes, on the caller's thread pool.
    pub(super) fn new(
        judged: &Judged,
        name: &dyn Fn(&Location) -> String,
        memory: Option<u64>,
    ) -> Self {
        let mut by_cell: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for (picture, judgement) in judged.each.iter().enumerate() {
            let cell = (judged.truth(picture)[0], judgement.said[0]);
            by_cell.entry(cell).or_default().push(picture);
        }
        let doubt = |picture: &usize| judged.each[*picture].doubt;
        by_cell.values_mut().for_each(|own| own.sort_by(|a, b| doubt(a).total_cmp(&doubt(b))));
        let thumbnails = thumbnails(judged, &chosen(&by_cell), memory);
        // If there are too many pictures to name, mistakes take precedence.
        let mut room = NAMED;
        let mut cells = BTreeMap::new();
        let is_right = |cell: &(usize, usize)| cell.0 == cell.1;
        let mut order: Vec<_> = by_cell.iter().collect();
        order.sort_by_key(|(cell, _)| is_right(cell));
        for (&(truth, said), pictures) in order {
            let entry = |&picture: &usize| {
                let sure = (1000.0 * (1.0 - doubt(&picture))).round() as u32;
                Entry(picture, name(&judged.picture(picture).at), sure)
            };
            let named = pictures.len().min(room);
            room -= named;
            let cell = Cell {
                count: pictures.len(),
                pictures: pictures[..named].iter().map(entry).collect(),
            };
            cells.insert(format!("{truth},{said}"), cell);
        }
        Self { classes: judged.classes.to_vec(), cells, thumbnails }
    }

    /// The data as JSON that is safe within a script element, whatever the names contain.
    pub(super) fn json(&self) -> String {
        let json = serde_json::to_string(self).expect("names and numbers");
        // Characters that could end the element or begin a comment occur only within strings.
        json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
    }
}

/// The pictures with thumbnails: of the mistakes, the first of each cell, then the second, and so on; then the correct
/// ones in the same order.
fn chosen(by_cell: &BTreeMap<(usize, usize), Vec<usize>>) -> Vec<usize> {
    let cells =
        |right: bool| by_cell.iter().filter(move |((truth, said), _)| (truth == said) == right);
    let longest = by_cell.values().map(Vec::len).max().unwrap_or(0);
    let turn = |right, turn: usize| {
        cells(right).filter_map(move |(_, pictures)| pictures.get(turn)).copied()
    };
    let wrong = (0..longest).flat_map(|at| turn(false, at));
    let right = (0..longest).flat_map(|at| turn(true, at));
    wrong.chain(right).take(THUMBNAILS).collect()
}

fn thumbnails(judged: &Judged, pictures: &[usize], memory: Option<u64>) -> BTreeMap<usize, String> {
    let reader = Reader::new(memory, enough(SIDE));
    // Reading archives and tables in order is fastest.
    let mut in_order = pictures.to_vec();
    in_order.sort_unstable();
    let made = |&picture: &usize| {
        Some((picture, thumbnail(&reader, &judged.picture(picture).at, SIDE).ok()?))
    };
    let mut made: BTreeMap<usize, String> = in_order.par_iter().filter_map(made).collect();
    let mut room = ROOM;
    let fits = |picture: &usize| {
        let thumbnail = made.remove(picture)?;
        room = room.checked_sub(thumbnail.len())?;
        Some((*picture, thumbnail))
    };
    pictures.iter().map_while(fits).collect()
}
