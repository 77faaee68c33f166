"""Opens ONNX models with the settings that suit a process sharing two cores with live calls."""

from pathlib import Path

import onnxruntime


def open_session(
    model: Path | bytes, threads: int = 1, *, fixed_shapes: bool = True
) -> onnxruntime.InferenceSession:
    """Open a model on the CPU with `threads` threads that sleep, not spin, between runs.

    With `fixed_shapes` false memory is given back after each run: onnxruntime's own arena would keep
    what the longest input ever needed (measured: 400 MB for one long sentence).
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = fixed_shapes
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model if isinstance(model, bytes) else str(model),
        sess_options=options,
        providers=["CPUExecutionProvider"],
    )
