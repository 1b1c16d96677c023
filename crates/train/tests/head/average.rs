use headstart_train::average::MovingAverage;

#[test]
fn averages_start_with_the_first_step_and_swap_there_and_back() {
    let mut average = MovingAverage::new(0.75).unwrap();
    let mut x = vec![1.0, -2.0];
    average.swap(&mut [&mut x]);
    assert_eq!(x, [1.0, -2.0]);
    average.update(&[&x]);
    assert_eq!(average.averages(), [[1.0, -2.0]]);
    x = vec![5.0, -6.0];
    average.update(&[&x]);
    let saved = serde_json::to_string(&average).unwrap();
    average.swap(&mut [&mut x]);
    assert_eq!((&x[..], &average.averages()[0][..]), (&[2.0, -3.0][..], &[5.0, -6.0][..]));
    average.swap(&mut [&mut x]);
    assert_eq!(average, serde_json::from_str(&saved).unwrap());
    assert_eq!(average, MovingAverage::restore(0.75, vec![vec![2.0, -3.0]]).unwrap());
}
