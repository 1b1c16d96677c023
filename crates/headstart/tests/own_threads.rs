//! The library runs on thread pools that it is given or starts. It neither uses nor configures rayon's global pool,
//! which belongs to the program.
//!
//! This test is a separate program, because a process has only one global pool.

use std::fs;
use std::path::Path;

use headstart::train::{AdamConfig, RangeTestConfig};
use headstart::{
    AuditConfig, Base, Classifier, Context, ExtractConfig, FineTuning, FitConfig, HeadConfig,
    Pictures, audit, find_head_learning_rate,
};

#[test]
fn rayons_global_pool_is_left_to_the_program() {
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().join("pictures");
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/assets/fashion-mnist");
    for class in ["Bag", "Sneaker"] {
        fs::create_dir_all(root.join(class)).unwrap();
        for file in fs::read_dir(bundled.join(class)).unwrap().take(8) {
            let file = file.unwrap();
            fs::copy(file.path(), root.join(class).join(file.file_name())).unwrap();
        }
    }
    let base = Base::bundled_at("mobilenetv2", Some((32, 32))).unwrap();
    let pictures = Pictures::open(&root).unwrap();
    let context = &mut Context::default();
    let extract = ExtractConfig::default();

    let adam = AdamConfig { epochs: 1, ..AdamConfig::default() };
    let range = RangeTestConfig { steps: 10, ..RangeTestConfig::default() };
    find_head_learning_rate(&base, &pictures, &adam, &extract, &range, context).unwrap();
    for head in [HeadConfig::default(), HeadConfig::Adam(adam)] {
        let fit = FitConfig::default().with_head(head);
        let (mut classifier, _) = Classifier::fit(base.clone(), &pictures, &fit, context).unwrap();
        let mut tuning = FineTuning::default().with_at("from:Conv_1".parse().unwrap());
        tuning.training.epochs = 1;
        classifier.fine_tune(&pictures, &tuning, context).unwrap();
        classifier.evaluate(&root, &extract, context).unwrap();
        let bag = fs::read_dir(root.join("Bag")).unwrap().next().unwrap().unwrap().path();
        classifier.predict(&bag).unwrap();
        classifier
            .predict_each(
                [headstart::data::Location::from(&bag)],
                &extract,
                context,
                &mut |_, _| Ok(()),
            )
            .unwrap();
    }
    audit(&base, &pictures, &AuditConfig::default(), context).unwrap();

    // This fails if the global pool has already been used.
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
}
