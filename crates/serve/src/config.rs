//! Configuration of a server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use headstart::engine::frozen::Compute;

use crate::ServeError;

/// Characters allowed in a model's name besides letters and digits.
const NAME_MARKS: &str = "-_.";

/// A model and its name in addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSource {
    /// The name, made of ASCII letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The model file, or the name of a bundled base with a classifier.
    pub model: String,
}

/// Who may send requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Anyone who can reach the address, which must be a loopback address.
    #[default]
    Loopback,
    /// Clients that send this token, as `Authorization: Bearer TOKEN`.
    Token(String),
    /// The browser that has opened `/?token=TOKEN`, which sets a cookie.
    ///
    /// Pages require the cookie, too, and requests must come from the server's own pages. The address
    /// must be a loopback address.
    Session {
        /// The token.
        token: String,
        /// A second token, which opens the page only once. It is for an address that others may see,
        /// such as one in a program's arguments.
        once: Option<String>,
    },
    /// Anyone who can reach the address, even if that is not a loopback address.
    Nobody,
}

/// Limits on the resources that requests may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum size of a body, in bytes.
    pub body: usize,
    /// Maximum size of all bodies that are being received or processed, in bytes.
    pub bodies: usize,
    /// Maximum number of pictures per request.
    pub pictures: usize,
    /// Maximum number of pixels that a picture's header may declare.
    pub pixels: u64,
    /// Memory for decoding, in bytes, shared by all threads. A picture that needs more is refused.
    pub memory: u64,
    /// Maximum number of pictures that wait for a thread. A request that does not fit is refused.
    pub queue: usize,
    /// How long a client may take to send a request's head, or its body, or to begin the next request.
    pub send_time: Duration,
    /// How long a write may be blocked because the client does not read.
    pub receive_time: Duration,
    /// Maximum number of simultaneous connections.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 32 << 20,
            bodies: 256 << 20,
            pictures: 64,
            pixels: 50_000_000,
            memory: 512 << 20,
            queue: 128,
            send_time: Duration::from_secs(30),
            receive_time: Duration::from_secs(30),
            connections: 1024,
        }
    }
}

/// Configuration of a server.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// The address to listen on. Port 0 selects a free port.
    pub listen: SocketAddr,
    /// The models. Requests that name no model use the first.
    pub models: Vec<ModelSource>,
    /// Who may send requests.
    pub auth: Auth,
    /// Host names of the server, besides `localhost` and IP addresses.
    pub hosts: Vec<String>,
    /// Limits on the resources that requests may use.
    pub limits: Limits,
    /// Number of threads that predict; 0 uses all the parallelism available.
    pub threads: usize,
    /// The instruction set and precision to compute with.
    pub compute: Compute,
    /// How long open requests may take to finish when the server is told to stop.
    pub grace: Duration,
    /// How often model files are checked for changes.
    pub reload_every: Duration,
}

impl ServeConfig {
    /// A server of these models on port 8000 of this machine, accessible only from this machine.
    pub fn new(models: Vec<ModelSource>) -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000),
            models,
            auth: Auth::default(),
            hosts: Vec::new(),
            limits: Limits::default(),
            threads: 0,
            compute: Compute::default(),
            grace: Duration::from_secs(20),
            reload_every: Duration::from_secs(1),
        }
    }

    /// Checks the configuration before anything is started.
    pub(crate) fn check(&self) -> Result<(), ServeError> {
        for (at, source) in self.models.iter().enumerate() {
            if !is_name(&source.name) {
                return Err(ServeError::BadName { name: source.name.clone() });
            }
            if self.models[..at].iter().any(|before| before.name == source.name) {
                return Err(ServeError::SameName { name: source.name.clone() });
            }
        }
        match &self.auth {
            Auth::Loopback if !self.listen.ip().is_loopback() => {
                Err(ServeError::NeedsToken { listen: self.listen })
            }
            Auth::Session { .. } if !self.listen.ip().is_loopback() => {
                Err(ServeError::NotLoopback { listen: self.listen })
            }
            // A header can only carry such tokens.
            Auth::Token(token) | Auth::Session { token, .. }
                if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) =>
            {
                Err(ServeError::BadToken)
            }
            _ if self.limits.queue < self.limits.pictures => Err(ServeError::ShortQueue {
                queue: self.limits.queue,
                pictures: self.limits.pictures,
            }),
            _ => Ok(()),
        }
    }

    /// Number of threads that predict.
    pub(crate) fn predicting_threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

impl ModelSource {
    /// Creates a source from a name and a model.
    pub fn new(name: impl Into<String>, model: impl Into<String>) -> Self {
        Self { name: name.into(), model: model.into() }
    }

    /// Parses `NAME=MODEL`, or `MODEL` alone. In the second case, the name is that of the file without
    /// its extension.
    pub fn parse(text: &str) -> Self {
        // An existing file whose name contains `=` takes precedence.
        match text.split_once('=').filter(|_| !std::path::Path::new(text).exists()) {
            Some((name, model)) => Self::new(name, model),
            None => {
                let file = text.rsplit(['/', '\\']).next().unwrap_or(text);
                let stem = file.strip_suffix(".safetensors").unwrap_or(file);
                Self::new(stem, text)
            }
        }
    }
}

/// Whether a name can be part of an address unchanged. A name of dots alone would change the path.
fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || NAME_MARKS.contains(c);
    !name.is_empty() && name.chars().all(is_plain) && name.chars().any(|c| c != '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_called_as_its_file_unless_a_name_is_given() {
        for (text, name, model) in [
            ("flowers.safetensors", "flowers", "flowers.safetensors"),
            ("models/v2/flowers.safetensors", "flowers", "models/v2/flowers.safetensors"),
            ("efficientnet-lite0", "efficientnet-lite0", "efficientnet-lite0"),
            ("roses=models/v2.safetensors", "roses", "models/v2.safetensors"),
            ("model.v2", "model.v2", "model.v2"),
        ] {
            assert_eq!(ModelSource::parse(text), ModelSource::new(name, model), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_before_anything_is_started() {
        let sound = ServeConfig::new(vec![ModelSource::new("a", "a")]);
        assert!(sound.check().is_ok());
        let with = |change: &dyn Fn(&mut ServeConfig)| {
            let mut config = sound.clone();
            change(&mut config);
            config.check().map_err(|error| error.to_string()).expect_err("it makes no sense")
        };
        let everywhere: SocketAddr = "0.0.0.0:80".parse().expect("an address");
        let session = |token: &str| Auth::Session { token: token.to_owned(), once: None };
        for (error, part) in [
            (with(&|c| c.models[0].name = "a/b".to_owned()), "a/b"),
            (with(&|c| c.models[0].name = "..".to_owned()), ".."),
            (with(&|c| c.models.push(ModelSource::new("a", "b"))), "two models are called a"),
            (with(&|c| c.listen = everywhere), "0.0.0.0:80"),
            (with(&|c| c.auth = Auth::Token("a b".to_owned())), "token"),
            (with(&|c| c.auth = Auth::Token(String::new())), "token"),
            (with(&|c| c.auth = session("a b")), "token"),
            (with(&|c| (c.listen, c.auth) = (everywhere, session("t"))), "loopback"),
            (with(&|c| c.limits.queue = 63), "63"),
        ] {
            assert!(error.contains(part), "{error}");
        }
        for auth in [Auth::Nobody, Auth::Token("t".to_owned())] {
            let config = ServeConfig { listen: everywhere, auth, ..sound.clone() };
            assert!(config.check().is_ok());
        }
    }
}
