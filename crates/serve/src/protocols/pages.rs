//! The pages: one to drop pictures on, and one that documents the server's API.

use axum::Router;

use crate::assets::Asset;

pub(super) fn router() -> Router {
    static INDEX: Asset = Asset::page(include_str!("../../page/index.html"));
    static DOCS: Asset = Asset::page(include_str!("../../page/docs.html"));
    static STYLE: Asset = Asset::style(include_str!("../../page/page.css"));
    static REQUEST: Asset = Asset::script(include_str!("../../page/request.js"));
    static DROP: Asset = Asset::script(include_str!("../../page/drop.js"));
    static DESCRIBE: Asset = Asset::script(include_str!("../../page/docs.js"));
    Router::new()
        .route("/", INDEX.route())
        .route("/docs", DOCS.route())
        .route("/assets/page.css", STYLE.route())
        .route("/assets/request.js", REQUEST.route())
        .route("/assets/drop.js", DROP.route())
        .route("/assets/docs.js", DESCRIBE.route())
}
