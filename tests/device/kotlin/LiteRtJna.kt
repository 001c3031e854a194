/*
 * The part of LiteRT's Kotlin API that android_demo_assets/kotlin uses, over the C library of the
 * Python wheel, so that those files run here. Names, parameters and exceptions are LiteRT's; the
 * AAR reaches the same C functions through its own JNI library.
 *
 * What it approximates: the wheel's GPU accelerator is WebGPU over Vulkan, a phone's is OpenCL; an
 * asset is a file of a folder; no NPU, no integer tensors, no caches.
 */
package com.google.ai.edge.litert

import android.content.res.AssetManager
import com.sun.jna.Callback
import com.sun.jna.Memory
import com.sun.jna.NativeLibrary
import com.sun.jna.Pointer
import com.sun.jna.ptr.LongByReference
import com.sun.jna.ptr.PointerByReference

private val library = NativeLibrary.getInstance(System.getProperty("litert.library"))

private fun call(name: String, vararg arguments: Any?) {
    val status = library.getFunction(name).invokeInt(arguments)
    if (status != 0) throw LiteRtException(status, "$name returned $status")
}

private fun free(name: String, pointer: Pointer) = library.getFunction(name).invokeVoid(arrayOf(pointer))

private fun made(name: String, vararg arguments: Any?): Pointer {
    val result = PointerByReference()
    call(name, *arguments, result)
    return result.value
}

class LiteRtException(val code: Int, message: String) : Exception(message)

enum class Accelerator(internal val bit: Int) { CPU(1), GPU(2) }

class TensorBuffer internal constructor(private val pointer: Pointer) : AutoCloseable {
    fun writeFloat(data: FloatArray) = locked(1) { memory, bytes ->
        if (bytes != 4L * data.size) throw LiteRtException(1, "$bytes bytes wanted, ${4 * data.size} given")
        memory.write(0, data, 0, data.size)
    }

    fun readFloat(): FloatArray = locked(0) { memory, bytes -> memory.getFloatArray(0, (bytes / 4).toInt()) }

    private fun <T> locked(mode: Int, use: (Pointer, Long) -> T): T {
        val bytes = LongByReference()
        call("LiteRtGetTensorBufferPackedSize", pointer, bytes)
        val memory = PointerByReference()
        call("LiteRtLockTensorBuffer", pointer, memory, mode)
        try {
            return use(memory.value, bytes.value)
        } finally {
            call("LiteRtUnlockTensorBuffer", pointer)
        }
    }

    internal val handle get() = pointer

    override fun close() = free("LiteRtDestroyTensorBuffer", pointer)
}

class CompiledModel private constructor(
    private val environment: Pointer,
    private val model: Pointer,
    private val compiled: Pointer,
) : AutoCloseable {
    data class GpuOptions(val precision: Precision? = null) {
        enum class Precision(val value: Int) { DEFAULT(0), FP16(1), FP32(2) }
    }

    class Options(vararg val accelerators: Accelerator) {
        var gpuOptions: GpuOptions? = null
    }

    fun createInputBuffer(name: String, signature: String? = null) = buffer("Input", name, signature)

    fun createOutputBuffer(name: String, signature: String? = null) = buffer("Output", name, signature)

    fun createInputBuffers(): List<TensorBuffer> = names("Input", null).map { buffer("Input", it, null) }

    fun createOutputBuffers(): List<TensorBuffer> = names("Output", null).map { buffer("Output", it, null) }

    fun run(inputs: List<TensorBuffer>, outputs: List<TensorBuffer>) =
        run(inputs.map { it.handle }, outputs.map { it.handle }.toTypedArray())

    fun run(inputs: Map<String, TensorBuffer>, outputs: Map<String, TensorBuffer>, signature: String? = null) {
        val (first, second) = listOf("Input" to inputs, "Output" to outputs).map { (kind, buffers) ->
            names(kind, signature).map { buffers.getValue(it).handle }
        }
        run(first, second.toTypedArray())
    }

    private fun run(inputs: List<Pointer>, outputs: Array<Pointer>) = call(
        "LiteRtRunCompiledModel", compiled, 0L,
        inputs.size.toLong(), inputs.toTypedArray(), outputs.size.toLong(), outputs,
    )

    override fun close() {
        free("LiteRtDestroyCompiledModel", compiled)
        free("LiteRtDestroyModel", model)
        free("LiteRtDestroyEnvironment", environment)
    }

    private fun names(kind: String, wanted: String?): List<String> {
        val signature = made("LiteRtGetModelSignature", model, 0L)
        val key = made("LiteRtGetSignatureKey", signature).getString(0)
        if (wanted != null && key != wanted) throw LiteRtException(6, "no signature $wanted, but $key")
        val count = LongByReference()
        call("LiteRtGetNumSignature${kind}s", signature, count)
        return (0 until count.value).map { made("LiteRtGetSignature${kind}Name", signature, it).getString(0) }
    }

    private fun buffer(kind: String, name: String, signature: String?): TensorBuffer {
        val index = names(kind, signature).indexOf(name).toLong()
        if (index < 0) throw LiteRtException(6, "no ${kind.lowercase()} $name")
        val key = made("LiteRtGetModelSignature", model, 0L)
        val tensor = made("LiteRtGetSignature${kind}TensorByIndex", key, index)
        val type = Memory(TENSOR_TYPE_BYTES).apply { clear() }
        call("LiteRtGetRankedTensorType", tensor, type)
        // LiteRT's own API asks the runtime for sizes that vary; in the face landmarker, the batch does.
        for (at in DIMENSIONS) if (type.getInt(at) == -1) type.setInt(at, 1)
        val requirements = made("LiteRtGetCompiledModel${kind}BufferRequirements", compiled, 0L, index)
        return TensorBuffer(made("LiteRtCreateManagedTensorBufferFromRequirements", environment, type, requirements))
    }

    companion object {
        private const val TENSOR_TYPE_BYTES = 256L // more than LiteRtRankedTensorType has
        private val DIMENSIONS = 8L..36L step 4 // where it has them, after element type and rank

        fun create(assets: AssetManager, name: String, options: Options): CompiledModel =
            create(assets.path(name), options)

        fun create(filePath: String, options: Options): CompiledModel {
            val environment = made("LiteRtCreateEnvironment", 0, null)
            val chosen = made("LiteRtCreateOptions")
            try {
                call("LiteRtSetOptionsHardwareAccelerators", chosen, options.accelerators.sumOf { it.bit })
                options.gpuOptions?.precision?.let {
                    call("LiteRtAddOpaqueOptions", chosen, precision(it.value))
                }
                val model = made("LiteRtCreateModelFromFile", environment, filePath)
                return CompiledModel(environment, model, made("LiteRtCreateCompiledModel", environment, model, chosen))
            } finally {
                free("LiteRtDestroyOptions", chosen)
            }
        }

        private fun interface Destructor : Callback {
            fun invoke(payload: Pointer?)
        }

        // Held here: C keeps the addresses, Java would collect what they point at.
        private val nothing = Destructor { }
        private val payloads = mutableListOf<Memory>()

        /** LiteRT hands options to an accelerator as TOML. */
        private fun precision(value: Int): Pointer {
            val text = "precision = $value\n"
            val payload = Memory(text.length + 1L).apply { setString(0, text) }
            payloads += payload
            return made("LiteRtCreateOpaqueOptions", "gpu_options", payload, nothing)
        }
    }
}
