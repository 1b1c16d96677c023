//! Compiles a model into its modules.

use headstart_engine::frozen::Program;
use headstart_predict::Model;

use crate::code::{Body, Expr, Module};
use crate::data::Data;
use crate::heatmap::Heatmap;
use crate::kernels::{F32_BYTES, widen};
use crate::math::Math;
use crate::plan::{Place, Plan};
use crate::{WebError, Weights};
use crate::{head, resize, unknown};

/// A model as WebAssembly.
///
/// The modules with functions import the memory as `weights.memory`. They export addresses in this memory as globals,
/// and two functions among others: `prepare`, which is called once, and `run`, which classifies the picture at
/// `picture`.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The module with the memory, which contains the weights.
    pub weights: Vec<u8>,
    /// The module with the functions, without relaxed SIMD.
    pub simd: Vec<u8>,
    /// The module with the functions, with relaxed SIMD.
    pub relaxed: Vec<u8>,
}

/// Compiles a model.
///
/// # Errors
/// [`WebError::NoKernel`] if a part of the model has no kernel.
pub fn compile(model: &Model, weights: Weights) -> Result<Compiled, WebError> {
    let program = program(model, weights);
    let (memory, simd) = variant(model, &program, (false, weights))?;
    let (_, relaxed) = variant(model, &program, (true, weights))?;
    Ok(Compiled { weights: memory, simd, relaxed })
}

/// The program that a compiled model runs before its head: the base, with its weights rounded as they are stored.
pub fn program(model: &Model, weights: Weights) -> Program {
    weights.rounded(Program::new(&model.network, &model.weights))
}

/// Bytes that may be read beyond the end of the picture.
const SLACK: usize = 16;

/// The module with the memory, and the module with the functions.
fn variant(
    model: &Model,
    program: &Program,
    (fused, weights): (bool, Weights),
) -> Result<(Vec<u8>, Vec<u8>), WebError> {
    let (network, classifier) = (&model.network, &model.head);
    let preprocessing = network.preprocessing();
    let (mut module, mut data) = (Module::default(), Data::default());
    let picture = data.room(preprocessing.height * preprocessing.width * 3 + SLACK);
    let probabilities = data.room(classifier.classes().len() * F32_BYTES);
    let math = Math::new(&mut module);
    let resize = resize::add(&mut module, &mut data, preprocessing, picture);
    let mut plan = Plan::new((network, program), &mut module, &mut data, picture, (fused, weights));

    let map = plan.base()?;
    let (height, width) = network.output().spatial();
    let features = plan.mean(map, (height * width, network.output().channels()));
    let layers = head::layers(&mut plan, math, classifier, features);
    let logits = layers.last().expect("the last gives the logits").given;
    let scores = head::probabilities(&mut plan, math, classifier);
    let scores = plan.module.function(scores);
    plan.call(scores, &[logits, Place::Fixed(probabilities)]);

    let unknown_score = classifier.trust().unknown.as_ref();
    let unknown_score = unknown_score
        .map(|score| unknown::add(&mut plan, math, score, (features, logits), classifier));
    let is_one_logit = classifier.head().units() < classifier.classes().len();
    let heatmap = Heatmap::new(plan.data, &layers, height * width, is_one_logit);

    let Plan { arena, calls, .. } = plan;
    let arena_at = data.end();
    let short_at = arena_at + arena.bytes();
    let address = |place: Place| match place {
        Place::Arena(at) => arena_at + at,
        Place::Fixed(at) => at,
    };
    let (mut run, []) = Body::taking(fused);
    for call in &calls {
        let arguments: Vec<_> =
            call.arguments.iter().map(|&place| Expr::int(address(place))).collect();
        run.call(call.function, &arguments);
    }
    let run = module.function(run);
    module.export("run", run);

    let widens = [1, 2].map(|bytes| module.function(widen(bytes)));
    let (mut prepare, []) = Body::taking(fused);
    for own in data.widenings(short_at) {
        let arguments = [own.from, own.to, own.scales, own.panels, own.rows];
        prepare.call(widens[own.bytes - 1], &arguments.map(Expr::int));
    }
    let prepare = module.function(prepare);
    module.export("prepare", prepare);

    let explain = module.function(heatmap.body(math, &layers, map, address));
    module.export("explain", explain);
    if let Some(at) = unknown_score {
        module.constant("unknown", at);
    }
    resize.finish(&mut module, preprocessing, short_at);
    for (name, at) in [
        ("picture", picture),
        ("probabilities", probabilities),
        ("features", address(features)),
        ("logits", address(logits)),
        ("map", address(map)),
        ("heatmap", heatmap.out),
        ("heap", short_at),
    ] {
        module.constant(name, at);
    }
    Ok((data.module(short_at), module.finish(data.pages(short_at))))
}
