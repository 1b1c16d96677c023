//! SqueezeNet 1.1, as in torchvision. Its features are the mean of the last map before the 1x1 convolution that
//! classifies.
//!
//! Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016.

use super::plain::{Builder, TORCH_NORM, biased, centred};
use super::{Architecture, Framework, NetworkConfig};
use crate::layer::{Activation, LayerKind, Place};
use crate::shape::{Padding, Window};
use crate::{ModelError, Network};

pub(super) const SQUEEZENET: Architecture = Architecture {
    id: "squeezenet1.1",
    about: "SqueezeNet 1.1 as in torchvision",
    widths: &[1.0],
    input_size: 224,
    feature_width: 512,
    top_classes: 1000,
    framework: Framework::PyTorch,
    build: network,
};

/// A row of the table: an index into torchvision's `features`, and the module there.
enum Row {
    Pool,
    /// Filters of the squeeze convolution, and of each of the two expand convolutions.
    Fire(usize, usize),
}

const ROWS: [(usize, Row); 11] = [
    (2, Row::Pool),
    (3, Row::Fire(16, 64)),
    (4, Row::Fire(16, 64)),
    (5, Row::Pool),
    (6, Row::Fire(32, 128)),
    (7, Row::Fire(32, 128)),
    (8, Row::Pool),
    (9, Row::Fire(48, 192)),
    (10, Row::Fire(48, 192)),
    (11, Row::Fire(64, 256)),
    (12, Row::Fire(64, 256)),
];

fn network(architecture: &Architecture, config: &NetworkConfig) -> Result<Network, ModelError> {
    let mut net = Builder::new(architecture, config, TORCH_NORM);
    let stem = Window { kernel: 3, stride: 2, padding: Padding::Valid };
    net.layer("features.0", biased(64, stem), None)?;
    net.relu("features.1")?;
    let pool = LayerKind::MaxPooling2D(Window { padding: Padding::Ceil, ..stem });
    let mut stage = 0;
    for (index, row) in ROWS {
        let name = format!("features.{index}");
        match row {
            Row::Pool => {
                net.block(stage, index);
                net.net.add(name, pool)?;
                stage += 1;
            }
            Row::Fire(squeeze, expand) => {
                net.block(stage, index);
                fire(&mut net, &name, squeeze, expand)?;
            }
        }
    }
    if let Some(classes) = config.top {
        net.net.at(Place::Classifier);
        net.net.add("classifier.0", LayerKind::Dropout { rate: 0.5 })?;
        net.layer("classifier.1", biased(classes, centred(1, 1)), None)?;
        net.relu("classifier.2")?;
        net.net.add("classifier.3", LayerKind::global_average())?;
        net.net.add("predictions", LayerKind::Activation(Activation::Softmax))?;
    }
    Ok(net.finish())
}

fn fire(net: &mut Builder, name: &str, squeeze: usize, expand: usize) -> Result<(), ModelError> {
    let mut conv = |part: &str, filters, kernel, input| {
        let name = format!("{name}.{part}");
        net.layer(&name, biased(filters, centred(kernel, 1)), input)?;
        net.relu(&format!("{name}_activation"))
    };
    let squeezed = conv("squeeze", squeeze, 1, None)?;
    let small = conv("expand1x1", expand, 1, Some(squeezed))?;
    let large = conv("expand3x3", expand, 3, Some(squeezed))?;
    net.net.concatenate(format!("{name}.cat"), small, large)?;
    Ok(())
}
