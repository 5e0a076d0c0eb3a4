// Labels of the same logits by onnxruntime-web's graph and by segpost, in turn, on one thread.

/** The middle one. */
function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/**
 * Measures the cases of a folder.
 *
 * `clock` gives milliseconds, `read` the bytes of a file of the folder. Both copy logits into a
 * module's memory and labels out of it.
 */
export async function measure({ ort, segpost, clock, read, rounds }) {
  const cases = JSON.parse(new TextDecoder().decode(await read("cases.json")));
  const results = [];
  for (const { name, shape, size, least } of cases) {
    const bytes = await read(`${name}.logits`);
    const data = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all" };
    const session = await ort.InferenceSession.create(await read(`${name}.onnx`), options);
    const tensor = new ort.Tensor("float32", data, shape);
    const runs = {
      standard: async () => (await session.run({ x: tensor })).y.data,
      ours: async () => segpost.argmax(tensor, { size }).data,
    };
    const [theirs, own] = [await runs.standard(), await runs.ours()];
    const differing = own.reduce((sum, label, i) => sum + (label === theirs[i] ? 0 : 1), 0);
    const times = { standard: [], ours: [] };
    for (let round = -1; round < rounds; ++round)
      for (const [way, run] of Object.entries(runs)) {
        const repeats = way === "ours" ? 10 : 1;
        const start = clock();
        for (let i = 0; i < repeats; ++i) await run();
        if (round >= 0) times[way].push((clock() - start) / repeats);
      }
    await session.release();
    results.push({ name, differing, least, standard: median(times.standard), ours: median(times.ours) });
  }
  return results;
}
