//! Features of one picture by one base: decode, resize, run the frozen base; or look them up in the cache.

use headstart_data::cache::{About, CacheConfig, Entry, FeatureCache, Fingerprint};
use headstart_data::decode::header;
use headstart_data::{ContentHash, DecodeError, Facts, Held, Limits, Location, Reader};
use headstart_predict::{FeatureExtractor, FeatureScratch};

use super::ExtractConfig;
use crate::Base;

/// Computes the features of one base.
pub(super) struct Part {
    pub(super) base: FeatureExtractor,
    pub(super) cache: Option<FeatureCache>,
    /// Whether the cache had entries when it was opened. If not, a hit is only another copy of a picture in
    /// this run.
    cache_was_filled: bool,
    /// The reader shared by all threads.
    pub(super) reader: Reader,
    /// Whether cached features may be of pictures that need more memory than is allowed now.
    checks_cached: bool,
}

/// The features of one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct PictureFeatures {
    /// Hash of its pixels as decoded, which for a large picture are the reduced ones.
    pub content: ContentHash,
    /// The features, as many as the base has.
    pub features: Vec<f32>,
    /// Further facts about the picture.
    pub facts: Facts,
    /// Whether the features were computed by an earlier run.
    pub cached: bool,
}

/// A picture in the form of the base's input.
pub(crate) struct PicturePixels {
    /// Hash of its pixels as decoded, which for a large picture are the reduced ones.
    pub(crate) content: ContentHash,
    /// u8 RGB, `[height][width][3]`.
    pub(crate) pixels: Vec<u8>,
    /// Further facts about the picture.
    pub(crate) facts: Facts,
    /// Its features, if requested.
    pub(crate) features: Option<Vec<f32>>,
}

impl Part {
    pub(super) fn new(
        base: &Base,
        compiled: FeatureExtractor,
        reader: Reader,
        config: &ExtractConfig,
    ) -> Self {
        let features = compiled.features();
        let cache = config.cache.as_ref().map(|root| {
            let fingerprint = Fingerprint(base.fingerprint(config.compute, config.reduce));
            if config.cache_read_only {
                return FeatureCache::open_read_only(root, &fingerprint, features);
            }
            let preprocessing = base.network().preprocessing();
            let about = About {
                base: base.network().name().to_owned(),
                height: preprocessing.height,
                width: preprocessing.width,
                resizing: format!("{}, {}", preprocessing.interpolation, preprocessing.fit),
                compute: config.compute.name().to_owned(),
            };
            let cache = CacheConfig { limit: config.cache_limit, about: Some(about) };
            FeatureCache::open(root, &fingerprint, features, cache)
        });
        let cache_was_filled = cache.as_ref().is_some_and(|cache| !cache.is_empty());
        let checks_cached = *reader.limits() != Limits::default();
        Self { base: compiled, cache, cache_was_filled, checks_cached, reader }
    }

    pub(super) fn picture(
        &self,
        scratch: &mut FeatureScratch<'_>,
        picture: &Location,
    ) -> Result<PictureFeatures, DecodeError> {
        let file = self.reader.read(picture)?;
        let (entry, cached) = match self.known(&file)? {
            Some(entry) => (entry, self.cache_was_filled),
            None => (self.compute(scratch, picture, file)?, false),
        };
        let Entry { content, features, facts } = entry;
        Ok(PictureFeatures { content, features, facts, cached })
    }

    /// The cache entry of a file.
    ///
    /// # Errors
    /// When the file could not be decoded within the memory limit: which pictures a run uses must not depend on
    /// what earlier runs cached.
    fn known(&self, file: &Held<'_>) -> Result<Option<Entry>, DecodeError> {
        let entry = self.cache.as_ref().and_then(|cache| cache.get(&file.key()));
        if entry.is_some() && self.checks_cached {
            self.reader.check(file)?;
        }
        Ok(entry)
    }

    /// Computes and caches the features of a picture. Its pixels are then in `scratch`.
    fn compute(
        &self,
        scratch: &mut FeatureScratch<'_>,
        picture: &Location,
        file: Held<'_>,
    ) -> Result<Entry, DecodeError> {
        let file = self.reader.with_room(picture, file)?;
        let header = header(file.bytes(), self.reader.limits())?;
        let key = self.cache.as_ref().map(|cache| (cache, file.key()));
        let content = self.read_pixels(scratch, file)?;
        let width = self.base.preprocessing().width;
        let facts = Facts::new(&header, scratch.pixels(), width);
        let features = scratch.run();
        let entry = Entry { content, features, facts };
        if let Some((cache, key)) = key {
            cache.put(&key, &entry);
        }
        Ok(entry)
    }

    pub(super) fn pixels(
        &self,
        scratch: &mut FeatureScratch<'_>,
        picture: &Location,
        with_features: bool,
    ) -> Result<PicturePixels, DecodeError> {
        let file = self.reader.read(picture)?;
        if !with_features {
            let file = self.reader.with_room(picture, file)?;
            let header = header(file.bytes(), self.reader.limits())?;
            let content = self.read_pixels(scratch, file)?;
            let pixels = scratch.pixels().to_vec();
            let facts = Facts::new(&header, &pixels, self.base.preprocessing().width);
            return Ok(PicturePixels { content, pixels, facts, features: None });
        }
        let entry = match self.known(&file)? {
            Some(entry) => {
                let file = self.reader.with_room(picture, file)?;
                self.read_pixels(scratch, file)?;
                entry
            }
            None => self.compute(scratch, picture, file)?,
        };
        let Entry { content, features, facts } = entry;
        let (pixels, features) = (scratch.pixels().to_vec(), Some(features));
        Ok(PicturePixels { content, pixels, facts, features })
    }

    /// Decodes and resizes a picture into the pixels of `scratch`. Returns the hash of the decoded pixels.
    fn read_pixels(
        &self,
        scratch: &mut FeatureScratch<'_>,
        file: Held<'_>,
    ) -> Result<ContentHash, DecodeError> {
        let picture = self.reader.decode(file)?;
        let content = picture.content_hash();
        scratch.prepare(&picture);
        Ok(content)
    }
}
