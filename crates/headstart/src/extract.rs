//! From files to features: decode, resize, run the frozen base; or look it up in the cache.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;

use headstart_data::cache::{Entry, FeatureCache, Fingerprint, Key};
use headstart_data::decode::{
    AtLeast, MemoryBudget, Reduce, decode_at_least, estimated_bytes_at_least,
};
use headstart_data::{ContentHash, DecodeError, Limits, Location, Resizer, Skipped};
use headstart_engine::frozen::{Arena, Compute, Plan};

use crate::{Base, Error, Observer};

/// How features are computed.
#[derive(Clone, Debug, Default)]
pub struct ExtractConfig {
    /// What to compute with.
    pub compute: Compute,
    /// How far large pictures may be reduced while they are decoded.
    pub reduce: Reduce,
    /// Threads; as many as the machine runs at once when `None`.
    pub threads: Option<usize>,
    /// The folder of the feature cache; no cache when `None`. See [`default_cache`].
    pub cache: Option<PathBuf>,
    /// Whether features that are found there are used, but none are added.
    pub cache_read_only: bool,
}

/// Where the cache lies unless something else is asked for: `headstart` in the user's folder for
/// caches.
pub fn default_cache() -> Option<PathBuf> {
    dirs::cache_dir().map(|dir| dir.join("headstart"))
}

/// Computes features of pictures with a frozen base.
pub struct Extractor {
    plan: Plan,
    cache: Option<FeatureCache>,
    /// Whether the cache held anything when it was opened: a hit in one that did not is another
    /// copy of a picture of this run.
    cache_was_filled: bool,
    threads: usize,
    limits: Limits,
    /// What is decoded of a picture.
    at_least: AtLeast,
    /// What all threads together may decode in.
    memory: MemoryBudget,
    /// Workers that wait for work; an arena is not given up between calls.
    workers: Mutex<Vec<Worker>>,
}

/// The features of one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct PictureFeatures {
    /// Hash of its pixels as they are decoded: reduced, if it is large.
    pub content: ContentHash,
    /// As many as the base has.
    pub features: Vec<f32>,
    /// Whether an earlier run had computed them.
    pub cached: bool,
}

/// The features of many pictures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extraction {
    /// `[kept][features]`.
    pub features: Vec<f32>,
    /// Hashes of the decoded pixels of the pictures kept.
    pub contents: Vec<ContentHash>,
    /// Indices of the pictures that could be read.
    pub kept: Vec<usize>,
    /// Those that could not, with the reason.
    pub skipped: Vec<Skipped>,
    /// How many an earlier run had computed.
    pub cached: usize,
}

/// Pictures in work at a time: enough that no thread waits for another, few enough that what is
/// done but not yet handed on takes little memory.
const WINDOW: usize = 256;

impl Extractor {
    /// Compiles `base` and opens the cache. A cache that cannot be used is left unused; see
    /// [`Extractor::cache_warning`].
    pub fn new(base: &Base, config: &ExtractConfig) -> Self {
        let plan = base.compile(config.compute);
        let available = || thread::available_parallelism().map_or(1, usize::from);
        let cache = config.cache.as_ref().map(|root| {
            let open = if config.cache_read_only {
                FeatureCache::open_read_only
            } else {
                FeatureCache::open
            };
            open(
                root,
                &Fingerprint(base.fingerprint(config.compute, config.reduce)),
                base.features(),
            )
        });
        let cache_was_filled = cache.as_ref().is_some_and(|cache| !cache.is_empty());
        let at_least = config.reduce.at_least(plan.preprocessing());
        Self {
            plan,
            cache,
            cache_was_filled,
            threads: config.threads.unwrap_or_else(available).max(1),
            limits: Limits::default(),
            at_least,
            memory: MemoryBudget::default(),
            workers: Mutex::default(),
        }
    }

    /// Length of a feature vector.
    pub fn features(&self) -> usize {
        self.plan.output_shape().len()
    }

    /// Why features are not being kept, if they are not though a cache was asked for.
    pub fn cache_warning(&self) -> Option<String> {
        self.cache.as_ref().and_then(FeatureCache::warning).map(str::to_owned)
    }

    /// Computes the features of every picture and hands them to `each` in order, with the index;
    /// memory does not grow with their number.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the observer says so, and what `each` returns.
    pub fn for_each(
        &self,
        pictures: &[impl AsRef<Location> + Sync],
        observer: &mut dyn Observer,
        each: &mut dyn FnMut(usize, Result<PictureFeatures, DecodeError>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.for_each_of(pictures, observer, &|worker, at| self.picture(worker, at), each)
    }

    /// Decodes every picture, resizes it for the base, and hands its pixels to `each` in order, with
    /// the index; memory does not grow with their number.
    ///
    /// # Errors
    /// As [`Extractor::for_each`].
    pub(crate) fn for_each_pixels(
        &self,
        pictures: &[impl AsRef<Location> + Sync],
        observer: &mut dyn Observer,
        each: &mut dyn FnMut(usize, Result<PicturePixels, DecodeError>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.for_each_of(pictures, observer, &|worker, at| self.pixels(worker, at), each)
    }

    fn for_each_of<T: Send>(
        &self,
        pictures: &[impl AsRef<Location> + Sync],
        observer: &mut dyn Observer,
        job: &(impl Fn(&mut Worker, &Location) -> Result<T, DecodeError> + Sync),
        each: &mut dyn FnMut(usize, Result<T, DecodeError>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for (window, in_window) in pictures.chunks(WINDOW).enumerate() {
            let first = window * WINDOW;
            let mut done = first;
            let results = self.window(in_window, job, &mut || {
                done += 1;
                observer.pictures(done, pictures.len());
                !observer.is_cancelled()
            });
            for (index, result) in results.into_iter().enumerate() {
                each(first + index, result.ok_or(Error::Interrupted)?)?;
            }
        }
        Ok(())
    }

    /// Computes the features of every picture; those that cannot be read are listed.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the observer says so.
    pub fn extract(
        &self,
        pictures: &[impl AsRef<Location> + Sync],
        observer: &mut dyn Observer,
    ) -> Result<Extraction, Error> {
        let mut extraction = Extraction::default();
        extraction.features.reserve_exact(pictures.len() * self.features());
        self.for_each(pictures, observer, &mut |index, result| {
            match result {
                Ok(picture) => {
                    extraction.features.extend(&picture.features);
                    extraction.contents.push(picture.content);
                    extraction.kept.push(index);
                    extraction.cached += usize::from(picture.cached);
                }
                Err(error) => extraction.skipped.push(Skipped {
                    path: pictures[index].as_ref().path().into_owned(),
                    reason: error.to_string(),
                }),
            }
            Ok(())
        })?;
        Ok(extraction)
    }

    /// Computes the features of one picture on this thread.
    ///
    /// # Errors
    /// What is wrong with the picture.
    pub fn one(&self, picture: impl Into<Location>) -> Result<PictureFeatures, DecodeError> {
        let mut worker = self.worker();
        let result = self.picture(&mut worker, &picture.into());
        self.give_back(worker);
        result
    }

    /// Runs the pictures on all threads. `tick` is called after each and says whether to go on; a
    /// picture that was not begun by then has no result.
    fn window<T: Send>(
        &self,
        pictures: &[impl AsRef<Location> + Sync],
        job: &(impl Fn(&mut Worker, &Location) -> Result<T, DecodeError> + Sync),
        tick: &mut dyn FnMut() -> bool,
    ) -> Vec<Option<Result<T, DecodeError>>> {
        let mut results: Vec<_> = pictures.iter().map(|_| None).collect();
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..self.threads.min(pictures.len()) {
                let (sender, next, stop) = (sender.clone(), &next, &stop);
                scope.spawn(move || {
                    let mut worker = self.worker();
                    while !stop.load(Ordering::Relaxed) {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(picture) = pictures.get(index) else { break };
                        if sender.send((index, job(&mut worker, picture.as_ref()))).is_err() {
                            break;
                        }
                    }
                    self.give_back(worker);
                });
            }
            drop(sender);
            for (index, result) in receiver {
                results[index] = Some(result);
                if !tick() {
                    stop.store(true, Ordering::Relaxed);
                }
            }
        });
        results
    }

    fn worker(&self) -> Worker {
        let idle = self.workers.lock().expect("no worker panics while holding it").pop();
        idle.unwrap_or_else(|| {
            let to = self.plan.preprocessing();
            Worker {
                arena: self.plan.arena(),
                resizer: Resizer::new(),
                pixels: vec![0; to.height * to.width * 3],
            }
        })
    }

    fn give_back(&self, worker: Worker) {
        self.workers.lock().expect("no worker panics while holding it").push(worker);
    }

    fn picture(
        &self,
        worker: &mut Worker,
        picture: &Location,
    ) -> Result<PictureFeatures, DecodeError> {
        let bytes = picture.read(&self.limits)?;
        let key = Key::of(&bytes);
        if let Some(entry) = self.cache.as_ref().and_then(|cache| cache.get(&key)) {
            return Ok(PictureFeatures {
                content: entry.content,
                features: entry.features,
                cached: self.cache_was_filled,
            });
        }
        let content = self.read_pixels(worker, bytes)?;
        let mut features = vec![0.0; self.features()];
        self.plan.run(&mut worker.arena, &worker.pixels, &mut features);
        let entry = Entry { content, features };
        if let Some(cache) = &self.cache {
            cache.put(&key, &entry);
        }
        Ok(PictureFeatures { content, features: entry.features, cached: false })
    }

    fn pixels(
        &self,
        worker: &mut Worker,
        picture: &Location,
    ) -> Result<PicturePixels, DecodeError> {
        let bytes = picture.read(&self.limits)?;
        let content = self.read_pixels(worker, bytes)?;
        Ok(PicturePixels { content, pixels: worker.pixels.clone() })
    }

    /// Decodes and resizes a picture into the worker's pixels; returns the hash of those decoded.
    fn read_pixels(&self, worker: &mut Worker, bytes: Vec<u8>) -> Result<ContentHash, DecodeError> {
        let needed = estimated_bytes_at_least(&bytes, &self.limits, self.at_least);
        let _memory = self.memory.acquire(needed);
        let picture = decode_at_least(&bytes, &self.limits, self.at_least)?;
        drop(bytes);
        let content = picture.content_hash();
        let preprocessing = self.plan.preprocessing();
        worker.resizer.resize_into(&picture, preprocessing, &mut worker.pixels);
        Ok(content)
    }
}

/// A picture as the base takes it.
pub(crate) struct PicturePixels {
    /// Hash of its pixels as they are decoded: reduced, if it is large.
    pub(crate) content: ContentHash,
    /// u8 RGB, `[height][width][3]`.
    pub(crate) pixels: Vec<u8>,
}

/// What a thread needs for itself.
struct Worker {
    arena: Arena,
    resizer: Resizer,
    pixels: Vec<u8>,
}
