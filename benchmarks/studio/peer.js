// Runs in the browser: trains on pictures of three classes in the same way as Teachable Machine.

/**
 * MobileNetV2 of width 0.35 at 224 pixels, without its top, like the one that the library downloads from Google. The
 * weights are random, since speed does not depend on them.
 */
function network() {
  const alpha = 0.35;
  const even = (value) => {
    const rounded = Math.max(8, Math.floor((value + 4) / 8) * 8);
    return rounded < 0.9 * value ? rounded + 8 : rounded;
  };
  const norm = () => tf.layers.batchNormalization({ epsilon: 1e-3, momentum: 0.999 });
  const relu6 = (name) => tf.layers.reLU({ maxValue: 6, name });
  const input = tf.input({ shape: [224, 224, 3] });
  const conv = (filters, kernelSize, strides) => tf.layers.conv2d({ filters, kernelSize, strides, padding: "same", useBias: false });
  let x = relu6().apply(norm().apply(conv(even(32 * alpha), 3, 2).apply(input)));
  let channels = even(32 * alpha);
  const blocks = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]];
  for (const [expand, filters, count, stride] of blocks) {
    for (let index = 0; index < count; index += 1) {
      const strides = index === 0 ? stride : 1;
      const before = x;
      if (expand > 1) x = relu6().apply(norm().apply(conv(channels * expand, 1, 1).apply(x)));
      x = tf.layers.depthwiseConv2d({ kernelSize: 3, strides, padding: "same", useBias: false }).apply(x);
      x = relu6().apply(norm().apply(x));
      x = norm().apply(conv(even(filters * alpha), 1, 1).apply(x));
      if (strides === 1 && channels === even(filters * alpha)) x = tf.layers.add().apply([before, x]);
      channels = even(filters * alpha);
    }
  }
  x = relu6("out_relu").apply(norm().apply(conv(1280, 1, 1).apply(x)));
  return tf.model({ inputs: input, outputs: x });
}

/** A picture in the form that the library requires: its central square, at 224 x 224 pixels. */
async function square(url) {
  const bitmap = await createImageBitmap(await (await fetch(url)).blob());
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 224;
  const side = Math.min(bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, 224, 224);
  bitmap.close();
  return canvas;
}

/** Returns the seconds of each part, from the first picture to the first answer. */
window.teachable = async (classes, backend) => {
  if (backend === "wasm") tf.wasm.setWasmPaths("/node_modules/@tensorflow/tfjs-backend-wasm/dist/");
  await tf.setBackend(backend);
  await tf.ready?.();
  await network().save("indexeddb://network");
  const labels = Object.keys(classes);
  const model = await tmImage.createTeachable({ labels }, { checkpointUrl: "indexeddb://network", trainingLayer: "out_relu", version: 2 });
  model.setLabels(labels);
  // The first run compiles shaders.
  tf.tidy(() => model.truncatedModel.predict(tf.zeros([1, 224, 224, 3])).dataSync());
  const begun = performance.now();
  for (const [index, label] of labels.entries()) for (const url of classes[label]) await model.addExample(index, await square(url));
  const added = performance.now();
  // The defaults of Teachable Machine.
  await model.train({ epochs: 50, batchSize: 16, learningRate: 0.001, denseUnits: 100 });
  const trained = performance.now();
  const picture = await square(classes[labels[0]][0]);
  await model.predict(picture);
  const answered = performance.now();
  const frames = [];
  for (let frame = 0; frame < 60; frame += 1) {
    const from = performance.now();
    await model.predict(picture);
    frames.push(performance.now() - from);
  }
  frames.sort((a, b) => a - b);
  return { add: (added - begun) / 1000, train: (trained - added) / 1000, total: (answered - begun) / 1000, frame: frames[57], backend: tf.getBackend() };
};
