//! Explanations of a classifier's predictions.

use headstart_data::decode::{MinSize, decode_at_least};
use headstart_data::{DecodeError, Location, Reader, Rgb};
use headstart_model::nearest;
use headstart_predict::{Explainer, Explanation, OVERLAY_AT_LEAST, PredictConfig, overlay_picture};

use crate::features::{in_order, window};
use crate::{Classifier, Context, Error, Event, ExtractConfig, Stage};

/// A picture and the explanation of its prediction.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The prediction and its explanation.
    pub explanation: Explanation,
    /// The picture, large enough for an [overlay](Explanation::overlay).
    pub picture: Rgb,
}

impl Classifier {
    /// The index of the class called `name`.
    ///
    /// # Errors
    /// [`Error::NoSuchClass`], with similar names.
    pub fn class(&self, name: &str) -> Result<usize, Error> {
        let known = self.classes();
        known.iter().position(|known| known == name).ok_or_else(|| Error::NoSuchClass {
            class: name.to_owned(),
            near: nearest(name, known.iter().map(String::as_str)),
            known: known.to_vec(),
        })
    }

    /// An explainer that does not need the rest of this library, and can be shared among threads. Each call
    /// compiles the base.
    pub fn explainer(&self, config: &ExtractConfig) -> Explainer {
        let mut predict = PredictConfig::default();
        (predict.compute, predict.reduce) = (config.compute, config.reduce);
        let bases = self.base.networks().map(|(network, weights)| (network, &**weights));
        Explainer::compile(bases, self.base.is_mirrored(), self.head.clone(), &predict)
    }

    /// Explains pictures, which may arrive one by one, and passes the results to `each` in order, as soon as
    /// they are available.
    ///
    /// The feature cache is not used: it contains no maps.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the context is cancelled, and errors returned by `each`.
    pub fn explain_each<P: AsRef<Location> + Send>(
        &self,
        pictures: impl IntoIterator<Item = P, IntoIter: Send>,
        config: &ExtractConfig,
        context: &mut Context<'_>,
        each: &mut dyn FnMut(P, Result<Explained, DecodeError>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let explainer = self.explainer(config);
        let at_least = explainer.at_least();
        let most = MinSize {
            width: at_least.width.max(OVERLAY_AT_LEAST.width),
            height: at_least.height.max(OVERLAY_AT_LEAST.height),
        };
        let reader = Reader::new(config.memory, most);
        let job = |at: &P| explain(&explainer, (&reader, at_least), at.as_ref());

        let pictures = pictures.into_iter();
        let (_, total) = pictures.size_hint();
        let pool = context.pool()?;
        let outputs = self.base.networks().map(|(network, _)| network.output().len());
        let output = outputs.sum::<usize>() * size_of::<f32>();
        let bytes = output + OVERLAY_AT_LEAST.width * OVERLAY_AT_LEAST.height * 3;
        let window = window(pool.threads(), bytes).min(total.unwrap_or(usize::MAX));
        let mut tick = |done| {
            if let Some(total) = total {
                context.tell(Event::Pictures { stage: Stage::Features, done, total });
            }
            !context.is_cancelled()
        };
        in_order(pictures, (&pool, window), &job, &mut tick, each)
    }
}

/// Explains a picture decoded as for prediction, and returns it at the size of its overlay, for which it
/// usually has to be decoded in more detail.
fn explain(
    explainer: &Explainer,
    (reader, at_least): (&Reader, MinSize),
    at: &Location,
) -> Result<Explained, DecodeError> {
    let file = reader.with_room(at, reader.read(at)?)?;
    let explanation =
        explainer.explain_picture(&decode_at_least(file.bytes(), reader.limits(), at_least)?);
    let picture = overlay_picture(&*reader.decode(file)?);
    Ok(Explained { explanation, picture })
}
