//! MobileNetV1, as in Keras.
//!
//! Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017.

use super::{Architecture, Framework, NetworkConfig};
use crate::layer::{Activation, BlockPart, LayerKind, Place};
use crate::network::NetworkBuilder;
use crate::shape::{Margins, Padding, Window};
use crate::{Fit, Interpolation, ModelError, Network, Preprocessing, Scaling};

pub(super) const KERAS: Architecture = Architecture {
    id: "mobilenetv1",
    about: "MobileNetV1 as in keras.applications",
    widths: &[1.0, 0.25, 0.5, 0.75],
    input_size: 224,
    feature_width: 1024,
    top_classes: 1000,
    framework: Framework::Keras,
    build: network,
};

/// Filters and stride of each pair of a depthwise and a 1x1 convolution.
const ROWS: [(usize, usize); 13] = [
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
];

fn network(architecture: &Architecture, config: &NetworkConfig) -> Result<Network, ModelError> {
    let multiplier = architecture.width(config);
    let (height, width) = architecture.input_size(config);
    let scaled = |filters: usize| (filters as f32 * multiplier) as usize;
    let name = format!("mobilenet_{multiplier:.2}_{height}");
    let (interpolation, scaling) = (Interpolation::Bilinear, Scaling::minus_one_to_one());
    let fit = Fit::Stretch;
    let mut net =
        NetworkBuilder::new(name, Preprocessing { height, width, interpolation, fit, scaling });
    let same = |kernel, stride| Window { kernel, stride, padding: Padding::Same };
    normalized(&mut net, "conv1", LayerKind::conv(scaled(32), same(3, 2)))?;
    for (index, (filters, stride)) in ROWS.into_iter().enumerate() {
        let part = |part| Place::Block { index, stage: index, repeat: 0, expands: false, part };
        net.at(part(BlockPart::Depthwise));
        let mut window = same(3, stride);
        let number = index + 1;
        if stride > 1 {
            let margins = Margins { bottom: 1, right: 1, ..Margins::default() };
            net.add(format!("conv_pad_{number}"), LayerKind::ZeroPadding2D(margins))?;
            window.padding = Padding::Valid;
        }
        normalized(&mut net, &format!("conv_dw_{number}"), LayerKind::depthwise(window))?;
        net.at(part(BlockPart::Project));
        let project = LayerKind::conv(scaled(filters), same(1, 1));
        normalized(&mut net, &format!("conv_pw_{number}"), project)?;
    }
    if let Some(classes) = config.top {
        net.at(Place::Classifier);
        let pool = LayerKind::GlobalAveragePooling2D { keepdims: true };
        net.add("global_average_pooling2d", pool)?;
        net.add("dropout", LayerKind::Dropout { rate: 1e-3 })?;
        net.add("conv_preds", super::plain::biased(classes, same(1, 1)))?;
        net.add("reshape_2", LayerKind::Reshape(crate::Shape::Vector(classes)))?;
        net.add("predictions", LayerKind::Activation(Activation::Softmax))?;
    }
    Ok(net.finish())
}

/// A convolution, its BatchNormalization and ReLU6.
fn normalized(net: &mut NetworkBuilder, name: &str, kind: LayerKind) -> Result<(), ModelError> {
    net.add(name, kind)?;
    let norm = LayerKind::BatchNormalization { epsilon: 1e-3, momentum: 0.99 };
    net.add(format!("{name}_bn"), norm)?;
    net.add(format!("{name}_relu"), LayerKind::ReLU { max_value: Some(6.0) })?;
    Ok(())
}
