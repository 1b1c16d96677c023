//! The bytes of a weight file of any format, and all operations on its content.

use std::fmt::Display;
use std::sync::LazyLock;

use headstart_formats::{assign, import_checkpoint, looks_like, read_bytes, scaling_of};
use headstart_model::Network;
use headstart_model::architectures::{Architecture, NetworkConfig};

static NETWORK: LazyLock<Network> = LazyLock::new(|| {
    let config = NetworkConfig { width: Some(0.35), ..NetworkConfig::default() };
    Architecture::find("mobilenetv2").and_then(|it| it.build(&config)).expect("it is registered")
});

pub(crate) fn run(bytes: &[u8]) {
    let checkpoint = match read_bytes(bytes, "file") {
        Ok(checkpoint) => checkpoint,
        Err(error) => return check(&error),
    };
    if checkpoint.model_config.is_some() {
        let _ = import_checkpoint(&checkpoint).map_err(|error| check(&error));
        let _ = scaling_of(&checkpoint).map_err(|error| check(&error));
    }
    looks_like(&checkpoint);
    let _ = assign(checkpoint, &NETWORK).map_err(|error| check(&error));
}

/// Checks that the message is one line that names the file.
fn check(error: &impl Display) {
    let line = error.to_string();
    assert!(line.contains("file") && !line.contains(['\n', '\r']), "{line:?}");
}
