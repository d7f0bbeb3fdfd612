"""One figure of one engine that people deploy: items a second through a tower of random weights, best of several runs.

usage: peers.py ENGINE TOWER PRECISION BATCH THREADS CACHE    prints a JSON line; CACHE: a folder for exported models
ENGINE: torch onnxruntime openvino   TOWER: image (ViT-B/32) text (its text tower) siglip (ViT-B/16 SigLIP's text tower)
PRECISION: f32 bf16 int8; exit status 3 where the engine has no such thing. Needs torch, open_clip, onnxruntime, openvino, nncf.
Text towers compute all tokens of the context, as these engines do. ONEDNN_MAX_CPU_ISA caps torch and OpenVINO.
"""
import json, logging, os, sys, time
import numpy as np

engine, tower, precision, batch, threads, cache = sys.argv[1:7]
batch, threads = int(batch), int(threads)
os.environ.setdefault('OMP_NUM_THREADS', str(threads))
logging.disable(logging.WARNING)
name, context, vocabulary = {'image': ('ViT-B-32-quickgelu', 0, 0), 'text': ('ViT-B-32-quickgelu', 77, 49408),
                             'siglip': ('ViT-B-16-SigLIP', 64, 32000)}[tower]
draw = np.random.default_rng(0)


def unsupported(why):
    print(json.dumps({'engine': engine, 'tower': tower, 'precision': precision, 'skipped': why}))
    sys.exit(3)


def inputs(count):
    if tower == 'image':
        return draw.standard_normal((count, 3, 224, 224)).astype(np.float32)
    ids = draw.integers(1, vocabulary - 2, (count, context)).astype(np.int64)
    ids[:, -1] = vocabulary - 1
    return ids


def load():
    import torch, open_clip
    torch.set_num_threads(threads)
    model = open_clip.create_model(name, pretrained=None).eval()

    class Tower(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            return self.model.encode_image(x) if tower == 'image' else self.model.encode_text(x)
    return torch, Tower().eval()


def exported():
    path = os.path.join(cache, tower + '.onnx')
    if not os.path.exists(path):
        torch, module = load()
        torch.onnx.export(module, (torch.from_numpy(inputs(2)),), path, input_names=['x'], output_names=['y'], dynamo=False,
                          dynamic_axes={'x': {0: 'b'}, 'y': {0: 'b'}}, opset_version=17)
    return path


def torch_run():
    if precision == 'int8':
        unsupported('no int8 path for attention')
    torch, module = load()
    kind = torch.float32 if precision == 'f32' else torch.bfloat16
    module, x = module.to(kind), torch.from_numpy(inputs(batch))
    x = x.to(kind) if tower == 'image' else x

    def run():
        with torch.inference_mode():
            module(x)
    return run


def onnxruntime_run():
    import onnxruntime
    if precision == 'bf16':
        unsupported('no bf16 on processors')
    path = exported()
    if precision == 'int8':
        quantized = os.path.join(cache, tower + '-int8.onnx')
        if not os.path.exists(quantized):
            from onnxruntime.quantization import quantize_dynamic, QuantType
            quantize_dynamic(path, quantized, weight_type=QuantType.QInt8)
        path = quantized
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session, x = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider']), inputs(batch)
    return lambda: session.run(None, {'x': x})


def openvino_run():
    import openvino
    core = openvino.Core()
    if precision == 'int8':
        quantized = os.path.join(cache, tower + '-nncf.xml')
        if not os.path.exists(quantized):
            import nncf
            samples = nncf.Dataset([{'x': inputs(1)} for _ in range(8)])
            made = nncf.quantize(core.read_model(exported()), samples, model_type=nncf.ModelType.TRANSFORMER, subset_size=8)
            openvino.save_model(made, quantized)
        model = core.read_model(quantized)
    else:
        model = core.read_model(exported())
    x = inputs(batch)
    model.reshape(list(x.shape))
    hint = {} if precision == 'int8' else {'INFERENCE_PRECISION_HINT': precision}
    request = core.compile_model(model, 'CPU', dict(hint, INFERENCE_NUM_THREADS=threads, NUM_STREAMS=1)).create_infer_request()
    return lambda: request.infer({0: x})


run = {'torch': torch_run, 'onnxruntime': onnxruntime_run, 'openvino': openvino_run}[engine]()
run()
best, total, turns = 1e9, 0.0, 0
while turns < 3 or total < 0.6:
    start = time.perf_counter()
    run()
    taken = time.perf_counter() - start
    best, total, turns = min(best, taken), total + taken, turns + 1
print(json.dumps({'engine': engine, 'tower': tower, 'precision': precision, 'batch': batch, 'threads': threads, 'value': round(batch / best, 2)}))
