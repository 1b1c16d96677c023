//! HTML pages and plots of headstart's results.
//!
//! A [`Page`] is one HTML file that includes its pictures, plots, style and script, and loads nothing from a network.
//! A [`Report`] makes a page about a classifier and its predictions for labelled pictures; [`audit_page`] makes one
//! about an audit. A [`Plot`](plot::Plot) is shown in a terminal or written as SVG.
//!
//! ```
//! use headstart::{Base, Classifier, Context, FitConfig, Pictures};
//! use headstart_report::Report;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let temp = tempfile::tempdir()?;
//! # let (pictures, file) = (temp.path().join("pictures"), temp.path().join("report.html"));
//! # for class in ["Bag", "Sneaker"] {
//! #     std::fs::create_dir_all(pictures.join(class))?;
//! #     let bundled = std::path::Path::new("../cli/assets/fashion-mnist").join(class);
//! #     for file in std::fs::read_dir(bundled)?.take(10) {
//! #         let file = file?;
//! #         std::fs::copy(file.path(), pictures.join(class).join(file.file_name()))?;
//! #     }
//! # }
//! let pictures = Pictures::open(pictures)?.with_validation(0.2, 42);
//! let mut context = Context::default();
//! let base = Base::bundled("mobilenetv2")?;
//! let (classifier, fit) =
//!     Classifier::fit(base, &pictures, &FitConfig::default(), &mut context)?;
//! Report::of_fit(&classifier, &fit).page(&mut context)?.write(&file)?;
//! # assert!(std::fs::read_to_string(&file)?.contains("Sneaker"));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod audit;
mod page;
mod picture;
pub mod plot;
mod report;

pub use audit::audit_page;
pub use page::Page;
pub use picture::jpeg_uri;
pub use report::Report;
