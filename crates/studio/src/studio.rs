//! The studio: a project, and what watches, learns from and shows it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use headstart::model::Preprocessing;
use headstart::model::architectures::Architecture;
use headstart::{BUNDLED, Base, Bundled, Context, ThreadPool};
use headstart_serve::{Auth, Ended, Routes, ServeConfig, ServeError, serve_with};
use serde::Serialize;

use crate::events::Hub;
use crate::folder::{Class, Listing, Picture};
use crate::jobs::{JobRequest, JobView, Jobs, Tools};
use crate::learner::{Finding, InboxItem, Learned, Learner};
use crate::live::{LIVE, Live};
use crate::models::{
    About, Comparison, ModelView, Models, Said, Taken, ask_live, ask_model, code, compare, take,
};
use crate::project::{Added, Overview, Project, SkippedFile, Staging};
use crate::thumbnails::Thumbnails;
use crate::watch::Watch;
use crate::{Action, StudioConfig, StudioError, assets, routes};

/// A project that is open. It is closed when this is dropped.
#[derive(Debug)]
pub struct Studio {
    shared: Arc<Shared>,
    token: String,
    /// What opens it once: whoever sees the browser's command line has nothing of it.
    once: String,
    /// Ends when it is dropped.
    _watch: Watch,
}

/// What to open in a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// The address with its token: to be shown, and told nobody.
    pub url: String,
    /// The same for a single time, to be given to the system's program that opens addresses: others see what
    /// programs are started with.
    pub once: String,
}

/// What requests share.
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
    /// How the pictures of what is learned here are prepared.
    preprocessing: Preprocessing,
}

/// The project, as the page has it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProjectView {
    name: String,
    folder: String,
    revision: u64,
    version: &'static str,
    /// Why nothing can be changed, if so.
    read_only: Option<String>,
    classes: Vec<ClassView>,
    /// Pictures without a class.
    inbox: usize,
    unreadable: Vec<Unreadable>,
    /// The name of the model that answers live.
    model: String,
    undo: Option<String>,
    redo: Option<String>,
    job: Option<JobView>,
}

/// A base, as the page has it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BaseView {
    name: &'static str,
    about: &'static str,
    /// Bytes of its weights.
    size: usize,
}

#[derive(Clone, Debug, Serialize)]
struct ClassView {
    name: String,
    pictures: usize,
}

#[derive(Clone, Debug, Serialize)]
struct Unreadable {
    path: String,
    reason: String,
}

/// A picture, as the page has it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PictureView {
    path: String,
    /// Another for each content.
    tag: String,
    /// Why it cannot be read, if so.
    problem: Option<String>,
}

/// What was done, and how the project is now.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Done {
    project: ProjectView,
    message: String,
}

/// What became of files that were sent.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Uploaded {
    project: ProjectView,
    added: usize,
    skipped: Vec<SkippedFile>,
    message: String,
}

impl Studio {
    /// Opens a folder, and makes it if it is not there.
    ///
    /// # Errors
    /// When it cannot be made or listed, holds something else than a folder per class, or another studio has it;
    /// and when there is no such base.
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

    /// Serves the page until the process is told to end. `listening` is told what to open.
    ///
    /// # Errors
    /// When the address is taken, or is none of this machine's own.
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

    /// What a server of the studio is configured with.
    pub fn serve_config(&self, listen: SocketAddr) -> ServeConfig {
        let mut config = ServeConfig::new(Vec::new());
        config.listen = listen;
        config.auth = Auth::Session { token: self.token.clone(), once: Some(self.once.clone()) };
        // Nothing is asked of its models, of which there are none.
        config.threads = 1;
        config
    }

    /// All that is answered.
    pub fn routes(&self) -> Routes {
        let guarded = routes::router(&self.shared);
        Routes { guarded, pages: Some(assets::router()), alone: true }
    }

    /// What to open where a server listens, which whoever opens another studio on the folder is told.
    pub fn listening(&self, address: SocketAddr) -> Listening {
        self.shared.project.say(address);
        let url = |token: &str| format!("http://{address}/?token={token}");
        Listening { url: url(&self.token), once: url(&self.once) }
    }

    /// Ends what pages are told, so that a server can end.
    pub fn stop(&self) {
        self.shared.hub.close();
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// The project, as the page has it.
    pub(crate) fn view(&self) -> ProjectView {
        let Overview { listing, revision, read_only, undo, redo } = self.project.overview();
        let class = |class: &Class| ClassView {
            name: class.name.to_string(),
            pictures: class.pictures.len(),
        };
        let read = listing.all().filter_map(|(_, picture)| {
            let error = self.learner.store().get(&picture.stamp)?.err()?;
            Some((picture.path.to_string(), error.to_string()))
        });
        let unreadable = listing.passed_over.iter().cloned().chain(read);
        ProjectView {
            name: self.project.name(),
            folder: self.project.root().display().to_string(),
            revision,
            version: env!("CARGO_PKG_VERSION"),
            read_only,
            classes: listing.classes.iter().map(class).collect(),
            inbox: listing.inbox.len(),
            unreadable: unreadable.map(|(path, reason)| Unreadable { path, reason }).collect(),
            model: self.live.name(),
            undo,
            redo,
            job: self.jobs.view(),
        }
    }

    /// Tells all who are to know that the project has changed.
    pub(crate) fn changed(&self) -> ProjectView {
        let Overview { listing, revision, .. } = self.project.overview();
        self.learner.see(&listing, revision, self.project.kept());
        let view = self.view();
        self.hub.tell("project", &view);
        view
    }

    /// Does something to the project.
    ///
    /// # Errors
    /// As [`Project::act`].
    pub(crate) fn act(&self, action: &Action) -> Result<Done, StudioError> {
        let fixed = match action {
            Action::Fix { finding, fix } => Some(self.learner.findings().action(finding, fix)?),
            _ => None,
        };
        self.done(self.project.act(fixed.as_ref().unwrap_or(action)))
    }

    /// What the audit finds, but for what is set aside.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        self.learner.findings().open(&self.project.kept())
    }

    /// Takes the last thing back.
    ///
    /// # Errors
    /// As [`Project::undo`].
    pub(crate) fn undo(&self) -> Result<Done, StudioError> {
        self.done(self.project.undo())
    }

    /// Does again what was undone last.
    ///
    /// # Errors
    /// As [`Project::redo`].
    pub(crate) fn redo(&self) -> Result<Done, StudioError> {
        self.done(self.project.redo())
    }

    /// Puts files that were received into their places.
    ///
    /// # Errors
    /// As [`Project::add`].
    pub(crate) fn add(
        &self,
        staging: Staging,
        batch: Option<String>,
    ) -> Result<Uploaded, StudioError> {
        let Added { pictures: added, skipped, message } = self.project.add(staging, batch)?;
        Ok(Uploaded { project: self.changed(), added, skipped, message })
    }

    /// Where files are received.
    ///
    /// # Errors
    /// When nothing can be written, or the class is none.
    pub(crate) fn staging(&self, class: Option<&str>) -> Result<Staging, StudioError> {
        match self.project.overview().read_only {
            Some(why) => Err(StudioError::ReadOnly { why }),
            None => Staging::new(self.project.root(), class),
        }
    }

    /// The pictures of a class, or those of none.
    ///
    /// # Errors
    /// When there is no such class.
    pub(crate) fn pictures(&self, class: Option<&str>) -> Result<Vec<PictureView>, StudioError> {
        let listing = self.project.listing();
        let pictures = match class {
            Some(class) => &listing.class(class)?.pictures,
            None => &listing.inbox,
        };
        let view = |picture: &Picture| PictureView {
            path: picture.path.to_string(),
            tag: picture.stamp.tag(),
            problem: self.problem(picture),
        };
        Ok(pictures.iter().map(view).collect())
    }

    /// Pictures without a class, those first that would teach the most; of what was labelled since, nothing.
    pub(crate) fn inbox(&self) -> Vec<InboxItem> {
        let listing = self.project.listing();
        let waits =
            |item: &&InboxItem| listing.find(&item.path).is_ok_and(|(_, class)| class.is_none());
        self.learner.inbox().iter().filter(waits).cloned().collect()
    }

    /// Why a picture cannot be read, if that is known.
    fn problem(&self, picture: &Picture) -> Option<String> {
        Some(self.learner.store().get(&picture.stamp)?.err()?.to_string())
    }

    /// The file of a picture of the project.
    ///
    /// # Errors
    /// When there is no such picture: no path leads anywhere else.
    pub(crate) fn file(&self, path: &str) -> Result<PathBuf, StudioError> {
        let listing = self.project.listing();
        let (picture, _) = listing.find(path)?;
        Ok(self.project.root().join(&*picture.path))
    }

    fn done(&self, said: Result<String, StudioError>) -> Result<Done, StudioError> {
        match said {
            Ok(message) => Ok(Done { project: self.changed(), message }),
            Err(error) => {
                // What others have done meanwhile may be why.
                self.changed();
                Err(error)
            }
        }
    }
}

impl Shared {
    /// All models, the one that learns while pictures come and go first.
    pub(crate) fn models(&self) -> Vec<ModelView> {
        let current = self.live.name();
        let live = self.learner.learned().map(|learned| {
            let bytes = learned.classifier.to_model().to_bytes().len() as u64;
            let about = About::of(&learned.classifier, LIVE, bytes, SystemTime::now());
            let about = About { accuracy: learned.view.accuracy, ..about };
            let name = LIVE.to_owned();
            let code = code(&self.project.name());
            ModelView { current: current == name, name, about, report: false, code }
        });
        let others = self.models.all().into_iter().map(|(name, about)| ModelView {
            current: current == name,
            report: self.models.report(&name).is_file(),
            code: code(&name),
            about: (*about).clone(),
            name,
        });
        live.into_iter().chain(others).collect()
    }

    /// Lets a model answer live from now on.
    ///
    /// # Errors
    /// When there is no such model, or it cannot be kept which it is.
    pub(crate) fn choose(&self, name: &str) -> Result<Done, StudioError> {
        if name == LIVE {
            self.models.choose(None)?;
            self.live.choose(None);
        } else {
            let classifier = self.models.load(name)?;
            self.models.choose(Some(name))?;
            self.live.choose(Some((name.to_owned(), &classifier)));
        }
        let message = match name {
            LIVE => "What is learned here answers from now on".to_owned(),
            name => format!("{name} answers from now on"),
        };
        Ok(Done { project: self.changed(), message })
    }

    /// A model's file, and what it is called where it is taken away.
    ///
    /// # Errors
    /// When there is no such model.
    pub(crate) fn model_file(&self, name: &str) -> Result<Taken, StudioError> {
        let (name, bytes) = match name {
            LIVE => (self.project.name(), self.learned()?.classifier.to_model().to_bytes()),
            name => {
                self.models.check(name)?;
                let read = std::fs::read(self.models.file(name));
                (name.to_owned(), read.map_err(|cause| StudioError::system("read", name, cause))?)
            }
        };
        let name = format!("{name}.safetensors");
        Ok(Taken { name, media_type: "application/octet-stream", bytes })
    }

    /// A model as a file of another format.
    ///
    /// # Errors
    /// When there is no such model or format, or the format has no place for it.
    pub(crate) fn export(&self, name: &str, format: &str) -> Result<Taken, StudioError> {
        match name {
            LIVE => take(&self.learned()?.classifier, &self.project.name(), format),
            name => take(&self.models.load(name)?, name, format),
        }
    }

    /// Compares two models on pictures that neither has learned from.
    ///
    /// # Errors
    /// When there is no such model, or there are no such pictures.
    pub(crate) fn compare(&self, a: &str, b: &str) -> Result<Comparison, StudioError> {
        let listing = self.project.listing();
        let labelled = listing.all().filter_map(|(class, picture)| {
            let class = &listing.classes[class?];
            Some((picture.path.to_string(), class.name.to_string()))
        });
        compare(&self.ask(a, &listing)?, &self.ask(b, &listing)?, &labelled.collect())
    }

    fn ask(&self, name: &str, listing: &Listing) -> Result<Said, StudioError> {
        let Tools { root, extract, pool, .. } = &self.tools;
        if name == LIVE {
            return ask_live(root, &*self.learned()?);
        }
        let classifier = self.models.load(name)?;
        let same = *classifier.base().network().preprocessing() == self.preprocessing;
        let known = (&**root, listing, self.learner.store());
        let mut context = Context::default().with_pool(pool.clone());
        ask_model(name, &classifier, known, same, extract, &mut context)
    }

    /// Begins a job, and says which it is.
    ///
    /// # Errors
    /// When one runs, it makes no sense, or nothing can be written.
    pub(crate) fn start_job(self: &Arc<Self>, request: JobRequest) -> Result<String, StudioError> {
        if let Some(why) = self.project.overview().read_only {
            return Err(StudioError::ReadOnly { why });
        }
        let shared = Arc::downgrade(self);
        let when_done = move || {
            if let Some(shared) = shared.upgrade() {
                shared.changed();
            }
        };
        let id = self.jobs.start(request, self.tools.clone(), when_done)?;
        self.changed();
        Ok(id)
    }

    /// Asks a job to end.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn stop_job(&self, id: &str) -> Result<JobView, StudioError> {
        let view = self.jobs.stop(id)?;
        self.hub.tell("job", &view);
        Ok(view)
    }

    fn learned(&self) -> Result<Arc<Learned>, StudioError> {
        self.learner.learned().ok_or(StudioError::NothingLearned)
    }
}

impl BaseView {
    /// Those that are bundled.
    pub(crate) fn all() -> Vec<Self> {
        let view = |bundled: &Bundled| {
            let architecture = Architecture::find(bundled.name).ok()?;
            Some(Self { name: bundled.name, about: architecture.about, size: bundled.bytes() })
        };
        BUNDLED.iter().filter_map(view).collect()
    }
}

/// The model that was chosen the last time answers again, if it still can.
fn choose_again(models: &Models, live: &Live) {
    let Some(name) = models.chosen() else { return };
    match models.load(&name) {
        Ok(classifier) => live.choose(Some((name, &classifier))),
        Err(error) => tracing::warn!(%error, "what is learned here answers"),
    }
}

/// Nobody guesses it.
fn token() -> String {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
