//! The studio: a project, with the parts that watch it, learn from it and show it.

mod models;
mod project;
mod views;

use std::net::SocketAddr;
use std::sync::Arc;

use headstart::model::Preprocessing;
use headstart::{Base, ThreadPool};
use headstart_serve::{Auth, Ended, Routes, ServeConfig, ServeError, serve_with};

use crate::events::Hub;
use crate::jobs::{Jobs, Tools};
use crate::learner::{Learned, Learner};
use crate::live::Live;
use crate::models::Models;
use crate::project::Project;
use crate::thumbnails::Thumbnails;
use crate::watch::Watch;
use crate::{StudioConfig, StudioError, assets, routes};
use models::choose_again;
pub(crate) use views::{BaseView, Done, PictureView, ProjectView, Uploaded};

/// An open project. It is closed when this is dropped.
#[derive(Debug)]
pub struct Studio {
    shared: Arc<Shared>,
    token: String,
    /// A token that is valid once, so that anyone who sees the browser's command line cannot use it.
    once: String,
    /// The watching thread, which ends when this is dropped.
    _watch: Watch,
}

/// The URLs to open in a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// The URL with its token: show it to the user, and nobody else.
    pub url: String,
    /// A URL that works only once, to be passed to the system's program that opens URLs, since other users can see the
    /// command lines of programs.
    pub once: String,
}

/// The state that requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) project: Project,
    pub(crate) hub: Arc<Hub>,
    pub(crate) thumbnails: Thumbnails,
    pub(crate) learner: Learner,
    pub(crate) live: Arc<Live>,
    pub(crate) models: Arc<Models>,
    jobs: Jobs,
    tools: Tools,
    /// The preprocessing of the live head's pictures.
    preprocessing: Preprocessing,
}
impl Studio {
    /// Opens a folder, and creates it if it does not exist.
    ///
    /// # Errors
    /// If the folder cannot be created or listed, contains something other than a folder per class, or is open in
    /// another studio; if there is no such base.
    pub fn open(config: &StudioConfig) -> Result<Self, StudioError> {
        let mut base = Base::bundled(&config.base)?;
        base.set_trainable(false);
        let project = Project::open(&config.folder)?;
        let (root, kept, extract) = (project.root().to_owned(), project.kept(), &config.extract);
        let pool = ThreadPool::with_threads(config.threads)?;
        let hub = Arc::new(Hub::default());
        let live = Arc::new(Live::new(&base, extract.compute));
        let answering = live.clone();
        let on_learned = move |learned: Option<&Learned>| match learned {
            Some(learned) => answering.learn(learned.head().clone()),
            None => answering.forget(),
        };
        let models = Arc::new(Models::new(project.own("models"), project.own("settings.json")));
        choose_again(&models, &live);
        let preprocessing = base.network().preprocessing().clone();
        let tools = Tools {
            root: root.clone(),
            extract: extract.clone(),
            pool: pool.clone(),
            hub: hub.clone(),
            models: models.clone(),
        };
        let learner = Learner::start(
            root,
            (base, extract.clone()),
            (pool, hub.clone()),
            (project.listing(), kept),
            on_learned,
        );
        let learner = learner.map_err(|cause| ServeError::Threads { threads: 2, cause })?;
        let thumbnails = Thumbnails::new(extract.cache.as_deref());
        let jobs = Jobs::default();
        let shared = Arc::new(Shared {
            project,
            hub,
            thumbnails,
            learner,
            live,
            models,
            jobs,
            tools,
            preprocessing,
        });
        let watch = Watch::start(&shared);
        Ok(Self { shared, token: token(), once: token(), _watch: watch })
    }

    /// The project's folder.
    pub fn folder(&self) -> &std::path::Path {
        self.shared.project.root()
    }

    /// Serves the page until the process is asked to end. `listening` is called with the URLs to open.
    ///
    /// # Errors
    /// If the address is taken, or does not belong to this machine.
    pub fn serve(
        &self,
        listen: SocketAddr,
        listening: impl FnOnce(&Listening),
    ) -> Result<Ended, StudioError> {
        let ended = serve_with(
            self.serve_config(listen),
            self.routes(),
            |server| listening(&self.listening(server.address())),
            || self.stop(),
        );
        Ok(ended?)
    }

    /// The configuration of a server for the studio.
    pub fn serve_config(&self, listen: SocketAddr) -> ServeConfig {
        let mut config = ServeConfig::new(Vec::new());
        config.listen = listen;
        config.auth = Auth::Session { token: self.token.clone(), once: Some(self.once.clone()) };
        // A server's threads run models, and this one has none.
        config.threads = 1;
        config
    }

    /// All routes of the studio.
    pub fn routes(&self) -> Routes {
        let guarded = routes::router(&self.shared);
        Routes { guarded, pages: Some(assets::router()), alone: true }
    }

    /// The URLs to open for a server at this address. Also publishes the address, for anyone who opens another studio
    /// on the folder.
    pub fn listening(&self, address: SocketAddr) -> Listening {
        self.shared.project.say(address);
        let url = |token: &str| format!("http://{address}/?token={token}");
        Listening { url: url(&self.token), once: url(&self.once) }
    }

    /// Ends the streams of events, so that a server can end.
    pub fn stop(&self) {
        self.shared.hub.close();
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        self.stop();
    }
}
/// A random token that cannot be guessed.
fn token() -> String {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
