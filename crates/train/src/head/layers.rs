use headstart_engine::head::{Dense, Head};
use headstart_model::Elementwise;

use crate::optimizers::Variable;

/// A dense layer of a head, hidden or the last.
#[derive(Clone, Copy)]
pub(super) struct Layer<'a> {
    pub(super) dense: Dense<'a>,
    pub(super) activation: Elementwise,
    pub(super) dropout: f32,
}

/// The dense layers, including the last.
pub(super) fn layers(head: &Head) -> impl Iterator<Item = Layer<'_>> {
    let hidden = head.hidden.iter().map(|hidden| Layer {
        dense: hidden.dense(),
        activation: hidden.activation,
        dropout: hidden.dropout,
    });
    let last =
        Layer { dense: head.dense(), activation: Elementwise::Linear, dropout: head.dropout };
    hidden.chain([last])
}

/// The optimizer's variables, in the order of [`Head::weights`]. Weight decay applies to kernels only.
pub(crate) fn variables<'a>(
    head: &'a mut Head,
    gradients: &'a [Vec<f32>],
) -> impl Iterator<Item = Variable<'a>> {
    let both = head.weights_mut().zip(gradients).enumerate();
    both.map(|(index, (values, gradient))| Variable {
        decays: index % 2 == 0,
        ..Variable::new(values, gradient)
    })
}
