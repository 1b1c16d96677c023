#[test]
fn peak() {
    let bytes = std::fs::read("/tmp/big.png").unwrap();
    let l = headstart_data::Limits::default();
    let e = headstart_data::decode::estimated_bytes(&bytes, &l);
    let t = std::time::Instant::now();
    headstart_data::decode(&bytes, &l).unwrap();
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    eprintln!("estimate {e} {:?} {:?}", t.elapsed(), s.lines().find(|l| l.starts_with("VmHWM")));
}
