use std::slice;

/// The labels of pictures to split: one class each, or one set of classes each.
#[derive(Clone, Copy, Debug)]
pub struct PictureLabels<'a> {
    numbers: &'a [usize],
    sets: Option<&'a [Vec<usize>]>,
}

impl<'a> PictureLabels<'a> {
    /// Labels that are classes or, if there are sets of classes, indices into these; equal sets must have the same
    /// index.
    pub fn new(numbers: &'a [usize], sets: Option<&'a [Vec<usize>]>) -> Self {
        Self { numbers, sets }
    }

    /// The same sets with the labels of other pictures.
    pub(super) fn with_numbers(self, numbers: &'a [usize]) -> Self {
        Self { numbers, ..self }
    }

    /// Whether a picture may have any number of classes.
    pub(super) fn are_sets(&self) -> bool {
        self.sets.is_some()
    }

    /// The number of pictures.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The label of a picture.
    pub(super) fn number(&self, picture: usize) -> usize {
        self.numbers[picture]
    }

    /// The number of `pictures` in each of `classes` classes.
    ///
    /// # Panics
    /// When there is no such picture, or class.
    pub fn per_class(
        &self,
        pictures: impl IntoIterator<Item = usize>,
        classes: usize,
    ) -> Vec<usize> {
        let mut counts = vec![0; classes];
        for picture in pictures {
            self.classes_of(picture).iter().for_each(|&class| counts[class] += 1);
        }
        counts
    }

    /// The classes of a picture.
    ///
    /// # Panics
    /// When there is no such picture, or its label is not the index of a set.
    pub fn classes_of(&self, picture: usize) -> &'a [usize] {
        let label = &self.numbers[picture];
        self.sets.map_or(slice::from_ref(label), |sets| &sets[*label])
    }

    /// One more than the highest class of any picture.
    pub(super) fn classes(&self) -> usize {
        let classes = (0..self.len()).flat_map(|picture| self.classes_of(picture));
        classes.max().map_or(0, |last| last + 1)
    }
}

impl<'a, T: AsRef<[usize]> + ?Sized> From<&'a T> for PictureLabels<'a> {
    fn from(classes: &'a T) -> Self {
        Self::new(classes.as_ref(), None)
    }
}
