//! The page: files that are embedded in the program.

use std::sync::LazyLock;

use axum::Router;
use headstart_serve::Asset;
use include_dir::{Dir, File, include_dir};

/// The folder with the files of the page.
static PAGE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/page");

/// The file that `/` serves.
const INDEX: &str = "index.html";

/// The content security policy of the page: it may use what this server provides, and show pictures that it has itself
/// and those of the camera.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
    media-src 'self' blob: mediastream:; connect-src 'self'; font-src 'self'; manifest-src 'self'; \
    worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Routes to all files of the page, each by its name.
pub(crate) fn router() -> Router {
    #[cfg(debug_assertions)]
    if let Some(folder) = std::env::var_os("HEADSTART_STUDIO_PAGE") {
        return from_disk(folder.into());
    }
    static ASSETS: LazyLock<Vec<(String, Asset)>> = LazyLock::new(|| {
        let mut files = Vec::new();
        collect(&PAGE, &mut files);
        let asset = |file: &'static File<'static>| {
            let path = file.path().to_str().expect("names are ASCII").replace('\\', "/");
            let media_type = media_type(&path)?;
            Some((path, Asset::new(media_type, file.contents()).with_policy(POLICY)))
        };
        files.into_iter().filter_map(asset).collect()
    });
    let assets: &'static Vec<(String, Asset)> = &ASSETS;
    assets.iter().fold(Router::new(), |router, (path, asset)| {
        let path = if path == INDEX { "/".to_owned() } else { format!("/{path}") };
        router.route(&path, asset.route())
    })
}

fn collect(folder: &'static Dir<'static>, files: &mut Vec<&'static File<'static>>) {
    files.extend(folder.files());
    folder.dirs().for_each(|folder| collect(folder, files));
}

/// Serves the files from a folder, for developing the page; only in debug builds.
#[cfg(debug_assertions)]
fn from_disk(folder: std::path::PathBuf) -> Router {
    use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
    use axum::http::{StatusCode, Uri};
    use axum::response::IntoResponse;
    use axum::routing::get;
    let answer = move |uri: Uri| {
        let path = uri.path().trim_start_matches('/');
        let path = if path.is_empty() { INDEX } else { path };
        let media_type = media_type(path).filter(|_| !path.contains(".."));
        let file = media_type
            .and_then(|media_type| Some((media_type, std::fs::read(folder.join(path)).ok()?)));
        async move {
            match file {
                Some((media_type, bytes)) => {
                    let headers = [(CONTENT_TYPE, media_type), (CONTENT_SECURITY_POLICY, POLICY)];
                    (headers, bytes).into_response()
                }
                None => StatusCode::NOT_FOUND.into_response(),
            }
        }
    };
    Router::new().route("/", get(answer.clone())).route("/{*path}", get(answer))
}

/// The media type of a file that belongs to a page; `None` for other files, such as notes.
fn media_type(path: &str) -> Option<&'static str> {
    Some(match path.rsplit('.').next()? {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webmanifest" => "application/manifest+json",
        _ => return None,
    })
}
