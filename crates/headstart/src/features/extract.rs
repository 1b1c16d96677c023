//! Features of many pictures, in order, on all threads.

use std::iter;

use headstart_data::cache::{CacheWarning, FeatureCache};
use headstart_data::{ContentHash, DecodeError, Facts, Location, Reader, Skipped};

use super::ExtractConfig;
use super::in_order::{in_order, window};
use super::part::{Part, PictureFeatures, PicturePixels};
use crate::pictures::OfBase;
use crate::{Base, Context, Error, Event, Stage};

/// Computes features of pictures with a frozen base, or with several bases whose features are concatenated.
pub struct Extractor {
    parts: Vec<Part>,
    all_readable: bool,
}

/// The features of many pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extraction {
    /// The features, `[kept][features]`.
    pub features: Vec<f32>,
    /// Hashes of the decoded pixels of the kept pictures.
    pub contents: Vec<ContentHash>,
    /// Further facts about the kept pictures.
    pub facts: Vec<Facts>,
    /// Indices of the kept pictures: those that could be read.
    pub kept: Vec<usize>,
    /// The pictures that could not be read, with reasons.
    pub skipped: Vec<Skipped>,
    /// How many of the features were computed by an earlier run.
    pub cached: usize,
}

impl Extraction {
    /// Keeps only the pictures whose pixels `keep` accepts.
    pub(crate) fn retain(&mut self, keep: impl Fn(&ContentHash) -> bool) {
        let width = self.features.len() / self.kept.len().max(1);
        let keeps: Vec<bool> = self.contents.iter().map(keep).collect();
        let mut of_value = keeps.iter().flat_map(|&keeps| iter::repeat_n(keeps, width));
        self.features.retain(|_| of_value.next() == Some(true));
        let (mut content, mut facts, mut kept) = (keeps.iter(), keeps.iter(), keeps.iter());
        self.contents.retain(|_| content.next() == Some(&true));
        self.facts.retain(|_| facts.next() == Some(&true));
        self.kept.retain(|_| kept.next() == Some(&true));
    }
}

impl Extractor {
    /// Compiles `base` and opens the cache, which has separate features for each of several bases.
    ///
    /// A cache that cannot be used is ignored; see [`Extractor::cache_warning`].
    pub fn new(base: &Base, config: &ExtractConfig) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        for own in base.parts() {
            let compiled = own.extractor(config.compute);
            let at_least = config.reduce.at_least(compiled.preprocessing());
            let reader = match parts.first() {
                Some(first) => first.reader.with_size(at_least),
                None => Reader::new(config.memory, at_least),
            };
            parts.push(Part::new(own, compiled, reader, config));
        }
        Self { parts, all_readable: config.all_readable }
    }

    /// The length of a feature vector.
    pub fn features(&self) -> usize {
        self.parts.iter().map(|part| part.base.features()).sum()
    }

    /// The properties of the base that matter where its features are used.
    pub(crate) fn of_base(&self) -> OfBase {
        let to = self.first().base.preprocessing();
        OfBase { features: self.features(), side: to.height.min(to.width) }
    }

    /// Why features are not cached, if a cache was requested and cannot be used.
    pub fn cache_warning(&self) -> Option<CacheWarning> {
        let mut caches = self.parts.iter().filter_map(|part| part.cache.as_ref());
        caches.find_map(FeatureCache::warning).cloned()
    }

    fn first(&self) -> &Part {
        &self.parts[0]
    }

    /// Computes the features of every picture and passes them to `each` in order, with the index. Memory does
    /// not grow with the number of pictures.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the context is cancelled, and errors returned by `each`.
    pub fn for_each(
        &self,
        pictures: &[impl AsRef<Location> + Sync],
        context: &mut Context<'_>,
        each: &mut dyn FnMut(usize, Result<PictureFeatures, DecodeError>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut indices = 0..;
        self.for_each_in(pictures.iter(), context, &mut |_, result| {
            each(indices.next().expect("there is no end"), result)
        })
    }

    /// [`Extractor::for_each`] for pictures that arrive one by one.
    ///
    /// Each picture is processed as soon as a thread is free, and passed on with its result after those before
    /// it. Progress is reported only if the iterator knows the number of pictures.
    ///
    /// An iterator that blocks must not be used on a thread of the context's pool, and occupies one of the
    /// pool's threads while it blocks.
    ///
    /// # Errors
    /// As for [`Extractor::for_each`].
    pub fn for_each_in<P: AsRef<Location> + Send>(
        &self,
        pictures: impl Iterator<Item = P> + Send,
        context: &mut Context<'_>,
        each: &mut dyn FnMut(P, Result<PictureFeatures, DecodeError>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let bytes = self.features() * size_of::<f32>() + size_of::<PictureFeatures>();
        let job = |at: &Location| self.picture(at);
        self.for_each_of(pictures, (&job, bytes), (Stage::Features, context), each)
    }

    /// Decodes every picture, resizes it for the (first) base, and passes its pixels to `each` in order, with
    /// the index, and with its features if requested. Memory does not grow with the number of pictures.
    ///
    /// # Errors
    /// As for [`Extractor::for_each`].
    pub(crate) fn for_each_pixels(
        &self,
        pictures: &[impl AsRef<Location> + Sync],
        with_features: bool,
        context: &mut Context<'_>,
        each: &mut dyn FnMut(usize, Result<PicturePixels, DecodeError>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut indices = 0..;
        let part = self.first();
        let job = |at: &Location| {
            part.base.with_scratch(|scratch| part.pixels(scratch, at, with_features))
        };
        let to = part.base.preprocessing();
        let features = if with_features { part.base.features() * size_of::<f32>() } else { 0 };
        let bytes = to.height * to.width * 3 + features + size_of::<PicturePixels>();
        let telling = (Stage::Decoding, context);
        self.for_each_of(pictures.iter(), (&job, bytes), telling, &mut |_, result| {
            each(indices.next().expect("there is no end"), result)
        })
    }

    /// Runs a job for every picture. Each result takes `bytes` bytes.
    fn for_each_of<P: AsRef<Location> + Send, T: Send>(
        &self,
        pictures: impl Iterator<Item = P> + Send,
        (job, bytes): (&(impl Fn(&Location) -> Result<T, DecodeError> + Sync), usize),
        (stage, context): (Stage, &mut Context<'_>),
        each: &mut dyn FnMut(P, Result<T, DecodeError>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (_, total) = pictures.size_hint();
        let pool = context.pool()?;
        let window = window(pool.threads(), bytes).min(total.unwrap_or(usize::MAX));
        let serve = |picture: &P| job(picture.as_ref());
        let mut tick = |done| {
            if let Some(total) = total {
                context.tell(Event::Pictures { stage, done, total });
            }
            !context.is_cancelled()
        };
        in_order(pictures, (&pool, window), &serve, &mut tick, each)
    }

    /// Computes the features of every picture, and lists those that cannot be read.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the context is cancelled. If all pictures must be readable, the error of the
    /// first that is not.
    pub fn extract(
        &self,
        pictures: &[impl AsRef<Location> + Sync],
        context: &mut Context<'_>,
    ) -> Result<Extraction, Error> {
        self.extract_with_errors(pictures, context, &mut |_, _| ())
    }

    /// Like [`Extractor::extract`], and calls `failed` for each picture that cannot be read.
    ///
    /// # Errors
    /// As for [`Extractor::extract`].
    pub(crate) fn extract_with_errors(
        &self,
        pictures: &[impl AsRef<Location> + Sync],
        context: &mut Context<'_>,
        failed: &mut dyn FnMut(&Location, &DecodeError),
    ) -> Result<Extraction, Error> {
        let mut extraction = Extraction::default();
        extraction.features.reserve_exact(pictures.len() * self.features());
        self.for_each(pictures, context, &mut |index, result| {
            match result {
                Ok(picture) => {
                    extraction.features.extend(&picture.features);
                    extraction.contents.push(picture.content);
                    extraction.facts.push(picture.facts);
                    extraction.kept.push(index);
                    extraction.cached += usize::from(picture.cached);
                }
                Err(error) => {
                    let at = pictures[index].as_ref();
                    failed(at, &error);
                    extraction.skipped.push(self.left_out(at, error)?);
                }
            }
            Ok(())
        })?;
        Ok(extraction)
    }

    /// The entry for a picture that is skipped because it cannot be read.
    ///
    /// # Errors
    /// The error of the picture, if all must be readable.
    pub(crate) fn left_out(&self, at: &Location, cause: DecodeError) -> Result<Skipped, Error> {
        match self.all_readable {
            true => Err(Error::Picture { path: Some(at.path().into_owned()), cause }),
            false => Ok(Skipped::new(at.path(), cause)),
        }
    }

    /// Computes the features of one picture on the calling thread.
    ///
    /// # Errors
    /// When the picture cannot be read or decoded.
    pub fn one(&self, picture: impl Into<Location>) -> Result<PictureFeatures, DecodeError> {
        self.picture(&picture.into())
    }

    fn picture(&self, picture: &Location) -> Result<PictureFeatures, DecodeError> {
        let (first, others) = self.parts.split_first().expect("there is a base");
        let mut joined = first.base.with_scratch(|scratch| first.picture(scratch, picture))?;
        for part in others {
            let own = part.base.with_scratch(|scratch| part.picture(scratch, picture))?;
            joined.features.extend(own.features);
            joined.cached &= own.cached;
        }
        Ok(joined)
    }
}
