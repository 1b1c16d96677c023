//! Checks whether a format supports all parts of a network.

use headstart_engine::frozen::{OpKind, Program};
use headstart_model::{Activation, LayerKind, Network};

use crate::ExportError;

/// Refuses a program with operations that only some formats support. All formats support ordinary and depthwise
/// convolutions, scalings, paddings, means and softmax, with no activation other than a clamp.
///
/// # Errors
/// [`ExportError::Lacks`], which names the operation, its layer and the base.
pub(crate) fn check_program(
    format: &'static str,
    network: &Network,
    program: &Program,
) -> Result<(), ExportError> {
    for op in &program.ops {
        let part = match (&op.kind, op.activation.function()) {
            (_, Some(function)) => function.name(),
            (
                OpKind::Input
                | OpKind::Conv { .. }
                | OpKind::Depthwise { .. }
                | OpKind::Affine { .. }
                | OpKind::Pad(_)
                | OpKind::GlobalAverage
                | OpKind::Softmax,
                None,
            ) => continue,
            (kind, None) => kind.name(),
        };
        return Err(lacks(format, part, &op.name, network));
    }
    Ok(())
}

/// Refuses a network with layers that [`crate::keras`] cannot write.
///
/// # Errors
/// Those of [`check_program`].
pub(crate) fn check_layers(format: &'static str, network: &Network) -> Result<(), ExportError> {
    for layer in network.layers() {
        let is_written = match layer.kind {
            LayerKind::Conv2D { groups, bias, activation, .. } => {
                groups == 1 && !bias && activation == Activation::Linear
            }
            LayerKind::DepthwiseConv2D { bias, .. } => !bias,
            LayerKind::GlobalAveragePooling2D { keepdims } => !keepdims,
            LayerKind::Input
            | LayerKind::ZeroPadding2D(_)
            | LayerKind::BatchNormalization { .. }
            | LayerKind::ReLU { .. }
            | LayerKind::Add
            | LayerKind::Dropout { .. }
            | LayerKind::Dense { .. } => true,
            _ => false,
        };
        if !is_written {
            return Err(lacks(format, layer.kind.class_name(), &layer.name, network));
        }
    }
    Ok(())
}

fn lacks(format: &'static str, part: &str, layer: &str, network: &Network) -> ExportError {
    let part = format!("{part}, which {} has as {layer}", network.architecture());
    ExportError::Lacks { format, part, instead: "onnx has" }
}
