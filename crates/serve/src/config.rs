//! What a server is started with.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use headstart::engine::frozen::Compute;

use crate::ServeError;

/// The characters that a model's name has beside letters and digits.
const NAME_MARKS: &str = "-_.";

/// A model and what it is called in addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSource {
    /// Its name: letters and digits of ASCII, `-`, `_` and `.`.
    pub name: String,
    /// Its file, or the name of a bundled base with a classifier.
    pub model: String,
}

/// Who is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Whoever can reach the address, which must be a loopback address.
    #[default]
    Loopback,
    /// Who knows this token, sent as `Authorization: Bearer TOKEN`.
    Token(String),
    /// The browser that has opened `/?token=TOKEN`, which gives it a cookie: pages need it, too, and what it
    /// sends must come from them. For a loopback address.
    Session {
        /// The token.
        token: String,
        /// Another that opens the page once, for an address that others may see: those that programs are
        /// started with.
        once: Option<String>,
    },
    /// Whoever can reach the address, and everybody may.
    Nobody,
}

/// What a request may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// Bytes of all bodies that are being received or worked on.
    pub bodies: usize,
    /// Pictures of a request.
    pub pictures: usize,
    /// Pixels that a picture's header may declare.
    pub pixels: u64,
    /// Bytes that are decoded into, all threads together; a picture that needs more is refused.
    pub memory: u64,
    /// Pictures that wait for a thread; a request for which there is no room is refused.
    pub queue: usize,
    /// How long a client may take to send a request's head, or its body, and to begin the next.
    pub send_time: Duration,
    /// How long a client may leave what it is sent unread.
    pub receive_time: Duration,
    /// Connections at once.
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

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// The address to listen on; port 0 is one that is free.
    pub listen: SocketAddr,
    /// The models. What names none is answered by the first.
    pub models: Vec<ModelSource>,
    /// Who is answered.
    pub auth: Auth,
    /// Names beside `localhost` and IP addresses under which the server may be addressed.
    pub hosts: Vec<String>,
    /// What a request may cost.
    pub limits: Limits,
    /// Threads that predict; 0 are as many as the machine runs at once.
    pub threads: usize,
    /// What to compute with.
    pub compute: Compute,
    /// How long requests that are being answered may take to end when the server is told to.
    pub grace: Duration,
    /// How often it is looked whether a model's file has changed.
    pub reload_every: Duration,
}

impl ServeConfig {
    /// Models on port 8000 of this machine, for whoever is on it.
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

    /// What makes no sense, before anything is started.
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
            // What a header cannot carry nobody could send.
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

    /// How many threads predict.
    pub(crate) fn predicting_threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

impl ModelSource {
    /// A model under a name.
    pub fn new(name: impl Into<String>, model: impl Into<String>) -> Self {
        Self { name: name.into(), model: model.into() }
    }

    /// What is meant by `NAME=MODEL` or by `MODEL` alone, whose name is then that of its file, without the
    /// ending.
    pub fn parse(text: &str) -> Self {
        // A file that is really called so comes first.
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

/// Whether this can be a part of an address as it stands. Dots alone would lead elsewhere.
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
