// Labels of the same logits by onnxruntime-web's graph and by segpost, in turn, on one thread; and by
// segpost on two threads beside one.

/** The middle one. */
function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/**
 * Measures the cases of a folder.
 *
 * `clock` gives milliseconds, `read` the bytes of a file of the folder. All copy logits into a
 * module's memory and labels out of it. Of `pair`, which has two threads, it is wall time.
 */
export async function measure({ ort, segpost, pair, clock, read, rounds }) {
  const cases = JSON.parse(new TextDecoder().decode(await read("cases.json")));
  const results = [];
  for (const { name, shape, size, least } of cases) {
    const bytes = await read(`${name}.logits`);
    const data = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all" };
    const session = await ort.InferenceSession.create(await read(`${name}.onnx`), options);
    const tensor = new ort.Tensor("float32", data, shape);
    const runs = {
      standard: [async () => (await session.run({ x: tensor })).y.data, clock],
      ours: [async () => segpost.argmax(tensor, { size }).data, clock],
      one: [async () => segpost.argmax(tensor, { size }).data, () => performance.now()],
      two: [async () => pair.argmax(tensor, { size }).data, () => performance.now()],
    };
    const [theirs, own] = [await runs.standard[0](), await runs.ours[0]()];
    const differing = own.reduce((sum, label, i) => sum + (label === theirs[i] ? 0 : 1), 0);
    const times = Object.fromEntries(Object.keys(runs).map((way) => [way, []]));
    for (let round = -1; round < rounds; ++round)
      for (const [way, [run, now]] of Object.entries(runs)) {
        const repeats = way === "standard" ? 1 : 10;
        const start = now();
        for (let i = 0; i < repeats; ++i) await run();
        if (round >= 0) times[way].push((now() - start) / repeats);
      }
    await session.release();
    const medians = Object.entries(times).map(([way, all]) => [way, median(all)]);
    results.push({ name, differing, least, ...Object.fromEntries(medians) });
  }
  return results;
}
