//! Networks of inverted-residual blocks with squeeze-and-excitation, or fused into one convolution per block:
//! MobileNetV3, EfficientNet and EfficientNetV2.
//!
//! Layers have Keras's names; each records its module in torchvision, timm or both.

use super::inverted_residual::{Convention, Pad};
use crate::layer::{Activation, BlockPart, LayerId, LayerKind, Place};
use crate::network::NetworkBuilder;
use crate::shape::{Margins, Padding, Shape, Window};
use crate::{ModelError, Network, Preprocessing};

/// What follows a convolution and its BatchNormalization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follows {
    Relu,
    Silu,
    HardSilu,
}

/// A block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// The index of its row in the table, and its position within that row.
    pub(super) stage: usize,
    pub(super) repeat: usize,
    /// Whether a single convolution both expands and filters.
    pub(super) fused: bool,
    pub(super) kernel: usize,
    /// Channels after expansion.
    pub(super) expanded: usize,
    pub(super) channels: usize,
    pub(super) stride: usize,
    /// Channels of the squeezed vector.
    pub(super) squeezed: Option<usize>,
    pub(super) follows: Follows,
    /// The fraction of pictures that skip the residual block in training, where a layer does that.
    pub(super) drop: Option<f32>,
}

/// How the layers of a family are named, and what else distinguishes it.
pub(super) struct Family {
    pub(super) convention: Convention,
    /// Whether the stem, too, has a separate padding layer.
    pub(super) pads_stem: bool,
    /// The name of layer `what` in the block at this place.
    pub(super) name: fn(Place, &str) -> String,
    /// Whether squeeze-and-excitation uses ReLU and a hard sigmoid, as in MobileNetV3.
    pub(super) hard: bool,
    /// Whether torchvision numbers blocks within their stages.
    pub(super) staged: bool,
    /// The libraries whose files contain the weights.
    pub(super) libraries: Libraries,
}

/// Which PyTorch libraries have a network with these conventions, and so a module for each of its layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Libraries {
    Torchvision,
    Timm,
    Both,
}

impl Family {
    /// Records the modules of the last layer.
    fn module(&self, net: &mut NetworkBuilder, torchvision: &str, timm: &str) {
        let has = |others: Libraries, name| (self.libraries != others).then_some(name);
        net.module(has(Libraries::Timm, torchvision), has(Libraries::Torchvision, timm));
    }
}

/// A network under construction.
pub(super) struct Builder {
    pub(super) net: NetworkBuilder,
    family: Family,
    blocks: usize,
    /// torchvision's index of the last stage or block.
    modules: usize,
    /// timm's indices of the last stage and of the next block in it.
    of_timm: [usize; 2],
    /// Number of layers so far that Keras names by class and count.
    counts: [usize; 2],
}

impl Builder {
    pub(super) fn new(name: String, preprocessing: Preprocessing, family: Family) -> Self {
        let net = NetworkBuilder::new(name, preprocessing);
        Self { net, family, blocks: 0, modules: 0, of_timm: [0; 2], counts: [0; 2] }
    }

    /// Convolution, BatchNormalization and activation. The first two form one module in torchvision and two in timm.
    fn normalized(
        &mut self,
        (place, part): (Place, &str),
        kind: LayerKind,
        (module, timm): (String, [String; 2]),
        follows: Option<Follows>,
    ) -> Result<(), ModelError> {
        self.net.at(place);
        let Convention { epsilon, momentum, .. } = self.family.convention;
        let name = |what: &str| (self.family.name)(place, &format!("{part}/{what}"));
        let (conv, bn, activation) = (name("conv"), name("bn"), name("activation"));
        self.net.add(conv, kind)?;
        self.family.module(&mut self.net, &format!("{module}.0"), &timm[0]);
        self.net.add(bn, LayerKind::BatchNormalization { epsilon, momentum })?;
        self.family.module(&mut self.net, &format!("{module}.1"), &timm[1]);
        match follows {
            Some(follows) => self.follow(activation, follows),
            None => Ok(()),
        }
    }

    /// An activation, which Keras names by class and count if `name` is empty.
    fn follow(&mut self, name: String, follows: Follows) -> Result<(), ModelError> {
        let kind = match follows {
            Follows::Relu => LayerKind::ReLU { max_value: None },
            Follows::Silu => LayerKind::Activation(Activation::Silu),
            Follows::HardSilu => LayerKind::Activation(Activation::HardSilu),
        };
        let name = if name.is_empty() { self.counted(kind) } else { name };
        self.net.add(name, kind)?;
        Ok(())
    }

    /// Keras's name for the next unnamed ReLU or Activation.
    fn counted(&mut self, kind: LayerKind) -> String {
        let is_relu = matches!(kind, LayerKind::ReLU { .. });
        let count = &mut self.counts[usize::from(is_relu)];
        let base = if is_relu { "re_lu" } else { "activation" };
        let name = if *count == 0 { base.to_owned() } else { format!("{base}_{count}") };
        *count += 1;
        name
    }

    pub(super) fn stem(&mut self, filters: usize, follows: Follows) -> Result<(), ModelError> {
        let pads = self.family.pads_stem;
        let window = self.window((Place::Stem, "stem"), 3, 2, pads)?;
        let kind = LayerKind::conv(filters, window);
        let timm = ["conv_stem", "bn1"].map(str::to_owned);
        self.normalized((Place::Stem, "stem"), kind, ("features.0".to_owned(), timm), Some(follows))
    }

    pub(super) fn top(&mut self, filters: usize, follows: Follows) -> Result<(), ModelError> {
        let kind = LayerKind::conv(filters, self.same(1, 1));
        let module = format!("features.{}", self.modules + 1);
        let timm = match self.family.hard {
            // A separate block.
            true => ["conv", "bn1"].map(|part| format!("blocks.{}.0.{part}", self.of_timm[0] + 1)),
            false => ["conv_head", "bn2"].map(str::to_owned),
        };
        self.normalized((Place::Top, "top"), kind, (module, timm), Some(follows))
    }

    /// A window with the family's padding.
    fn same(&self, kernel: usize, stride: usize) -> Window {
        let padding = match self.family.convention.padding {
            Pad::Layer | Pad::Same => Padding::Same,
            Pad::Symmetric => Padding::Symmetric(kernel / 2),
        };
        Window { kernel, stride, padding }
    }

    /// [`Builder::same`], after a padding layer before a stride if `pads` is set and Keras has one.
    fn window(
        &mut self,
        (place, part): (Place, &str),
        kernel: usize,
        stride: usize,
        pads: bool,
    ) -> Result<Window, ModelError> {
        let mut window = self.same(kernel, stride);
        if stride > 1 && pads && matches!(self.family.convention.padding, Pad::Layer) {
            self.net.at(place);
            let name = (self.family.name)(place, &format!("{part}/pad"));
            let (height, width) = self.net.output().spatial();
            let half = kernel / 2;
            let start = |size: usize| half - (1 - size % 2);
            let (top, left) = (start(height), start(width));
            let margins = Margins { top, bottom: half, left, right: half };
            self.net.add(name, LayerKind::ZeroPadding2D(margins))?;
            window.padding = Padding::Valid;
        }
        Ok(window)
    }

    pub(super) fn block(&mut self, block: Block) -> Result<(), ModelError> {
        let Block { stage, repeat, kernel, stride, expanded, channels, follows, .. } = block;
        let (input, inputs) = (self.net.last(), self.net.output().channels());
        let (index, expands) = (self.blocks, expanded != inputs);
        self.blocks += 1;
        let place = |part| Place::Block { index, stage, repeat, expands, part };
        let module = match self.family.staged {
            true => {
                self.modules = stage + 1;
                format!("features.{}.{repeat}.block", stage + 1)
            }
            false => {
                self.modules = index + 1;
                format!("features.{}.block", index + 1)
            }
        };
        // timm's stages are the table's rows, except in MobileNetV3, where a stage ends when the channels change.
        let begins = if self.family.staged { repeat == 0 } else { inputs != channels };
        if index > 0 && begins {
            self.of_timm = [self.of_timm[0] + 1, 0];
        }
        let [timm_stage, timm_block] = self.of_timm;
        self.of_timm[1] += 1;
        let timm_module = format!("blocks.{timm_stage}.{timm_block}");
        let mut parts = (0..).map(|part| format!("{module}.{part}"));
        let mut norms = (1..).map(|norm| format!("{timm_module}.bn{norm}"));
        let mut next = || parts.next().unwrap_or_default();
        let mut timm =
            |conv: &str| [format!("{timm_module}.{conv}"), norms.next().unwrap_or_default()];
        if block.fused {
            let window = self.same(kernel, stride);
            if expands {
                let at = (place(BlockPart::Expand), "expand");
                let kind = LayerKind::conv(expanded, window);
                self.normalized(at, kind, (next(), timm("conv_exp")), Some(follows))?;
            }
            let at = (place(BlockPart::Project), "project");
            let (own, last) =
                if expands { (self.same(1, 1), None) } else { (window, Some(follows)) };
            let names = (next(), timm(if expands { "conv_pwl" } else { "conv" }));
            self.normalized(at, LayerKind::conv(channels, own), names, last)?;
        } else {
            if expands {
                let at = (place(BlockPart::Expand), "expand");
                let kind = LayerKind::conv(expanded, self.same(1, 1));
                self.normalized(at, kind, (next(), timm("conv_pw")), Some(follows))?;
            }
            let at = (place(BlockPart::Depthwise), "depthwise");
            let window = self.window(at, kernel, stride, true)?;
            let names = (next(), timm("conv_dw"));
            self.normalized(at, LayerKind::depthwise(window), names, Some(follows))?;
            if let Some(squeezed) = block.squeezed {
                let at = place(BlockPart::Other);
                self.squeeze(at, squeezed, (&next(), &format!("{timm_module}.se")))?;
            }
            let at = (place(BlockPart::Project), "project");
            let names = (next(), timm(if expands { "conv_pwl" } else { "conv_pw" }));
            self.normalized(at, LayerKind::conv(channels, self.same(1, 1)), names, None)?;
        }
        if stride == 1 && inputs == channels {
            let at = place(BlockPart::Residual);
            self.net.at(at);
            if let Some(rate) = block.drop {
                self.net.add((self.family.name)(at, "block/drop"), LayerKind::Dropout { rate })?;
            }
            let last = self.net.last();
            self.net.add_residual((self.family.name)(at, "block/add"), input, last)?;
        }
        Ok(())
    }

    /// Scales each channel by the output of a small network on the means of all channels.
    fn squeeze(
        &mut self,
        place: Place,
        squeezed: usize,
        (module, timm): (&str, &str),
    ) -> Result<LayerId, ModelError> {
        self.net.at(place);
        let name = |what: &str| (self.family.name)(place, &format!("squeeze/{what}"));
        let names = ["mean", "reduce", "relu", "expand", "product"].map(name);
        let [mean, reduce, between, expand, product] = names;
        let (map, channels) = (self.net.last(), self.net.output().channels());
        let conv = |filters, activation| LayerKind::Conv2D {
            filters,
            window: Window { kernel: 1, stride: 1, padding: Padding::Same },
            groups: 1,
            bias: true,
            activation,
        };
        let hard = self.family.hard;
        if hard {
            self.net.add(mean, LayerKind::GlobalAveragePooling2D { keepdims: true })?;
        } else {
            self.net.add(mean, LayerKind::global_average())?;
            let shape = Shape::Map { height: 1, width: 1, channels };
            self.net.add(between.clone(), LayerKind::Reshape(shape))?;
        }
        let [own, last] = match hard {
            true => [Activation::Linear; 2],
            false => [Activation::Silu, Activation::Sigmoid],
        };
        self.net.add(reduce, conv(squeezed, own))?;
        let (own, of_timm) = (format!("{module}.fc1"), format!("{timm}.conv_reduce"));
        self.family.module(&mut self.net, &own, &of_timm);
        if hard {
            self.net.add(between, LayerKind::ReLU { max_value: None })?;
        }
        self.net.add(expand, conv(channels, last))?;
        let (own, of_timm) = (format!("{module}.fc2"), format!("{timm}.conv_expand"));
        self.family.module(&mut self.net, &own, &of_timm);
        if hard {
            // In Keras a hard sigmoid is a ReLU6 of `x + 3`, divided by 6.
            let name = self.counted(LayerKind::ReLU { max_value: Some(6.0) });
            self.net.add(name, LayerKind::Activation(Activation::HardSigmoid))?;
        }
        let gate = self.net.last();
        self.net.add_product(product, map, gate)
    }

    /// Records the classifier module of the last layer.
    pub(super) fn module(&mut self, torchvision: &str, timm: &str) {
        self.family.module(&mut self.net, torchvision, timm);
    }

    pub(super) fn finish(self) -> Network {
        self.net.finish()
    }
}
