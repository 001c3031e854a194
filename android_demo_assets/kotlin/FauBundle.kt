package dev.fau

import java.io.File
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest

/** Returns the SHA-256 of [content] in hexadecimal digits. */
internal fun sha256(content: ByteArray): String =
    MessageDigest.getInstance("SHA-256").digest(content).joinToString("") { "%02x".format(it) }

/** Throws by [rule], which names [expected], and says what to do [next], unless [content] has it. */
internal fun requireSha256(content: ByteArray, expected: String, rule: String, next: String) {
    val found = sha256(content)
    if (found != expected) throw FauException(rule, "$found (${content.size} bytes)", next)
}

/** The Face Landmarker bundle: networks in one zip file, checked by its hash. */
object FauBundle {
    private const val DETECTOR = "face_detector.tflite"
    private const val LANDMARKS = "face_landmarks_detector.tflite"

    /** The networks as files, which LiteRT maps into memory. */
    class Files(val detector: File, val landmarks: File)

    /**
     * Writes the networks of a bundle into [folder], unless they are there, and returns them.
     *
     * @param bundle content of `face_landmarker.task`.
     * @param sha256 of the bundle, from `fau_metadata.json`.
     * @param folder of the app's own, e.g. `context.noBackupFilesDir`.
     */
    fun extract(bundle: ByteArray, sha256: String, folder: File): Files {
        requireSha256(
            bundle,
            sha256,
            "The face landmarker must have the SHA-256 of fau_metadata.json, $sha256.",
            "Copy face_landmarker.task and fau_metadata.json again from android_demo_assets/.",
        )
        val content = entries(bundle)
        return Files(written(folder, DETECTOR, content), written(folder, LANDMARKS, content))
    }

    /**
     * Returns the uncompressed entries of a zip file, by the directory at its end.
     *
     * The bundle aligns its entries by bytes between them, which `ZipInputStream` takes for the end.
     */
    private fun entries(zip: ByteArray): Map<String, ByteArray> {
        val numbers = ByteBuffer.wrap(zip).order(ByteOrder.LITTLE_ENDIAN)
        val end = (zip.size - END_BYTES downTo 0).firstOrNull { numbers.getInt(it) == END } ?: return emptyMap()
        var at = numbers.getInt(end + 16)
        return (0 until numbers.getShort(end + 10)).associate {
            val name = String(zip, at + ENTRY_BYTES, numbers.getShort(at + 28).toInt())
            val size = numbers.getInt(at + 24)
            val local = numbers.getInt(at + 42)
            val start = local + LOCAL_BYTES + numbers.getShort(local + 26) + numbers.getShort(local + 28)
            at += ENTRY_BYTES + listOf(28, 30, 32).sumOf { field -> numbers.getShort(at + field).toInt() }
            name to zip.copyOfRange(start, start + size)
        }
    }

    // Signature and size of the parts of a zip file.
    private const val END = 0x06054b50
    private const val END_BYTES = 22
    private const val ENTRY_BYTES = 46
    private const val LOCAL_BYTES = 30

    /** Written beside its place and renamed: a crash, or another thread, leaves no half of a network. */
    private fun written(folder: File, name: String, content: Map<String, ByteArray>): File {
        val bytes = content[name] ?: throw FauException(
            "The face landmarker must contain $name.", content.keys, "Copy face_landmarker.task again from android_demo_assets/.",
        )
        val file = File(folder, name)
        deleteUnfinished(folder, name)
        try {
            if (!hasBytes(file, bytes)) replace(file, bytes)
        } catch (error: IOException) {
            throw FauException("$folder must be writable.", error.message, "Free some storage, or give another folder.", error)
        }
        return file
    }

    private fun hasBytes(file: File, bytes: ByteArray) =
        file.length() == bytes.size.toLong() && file.readBytes().contentEquals(bytes)

    /** Deletes what a killed process left; a younger file may be another thread's, still being written. */
    private fun deleteUnfinished(folder: File, name: String) {
        val young = System.currentTimeMillis() - YOUNG_MS
        folder.listFiles { file -> file.name.startsWith(name) && file.name.endsWith(UNFINISHED) && file.lastModified() < young }
            ?.forEach { it.delete() }
    }

    private const val UNFINISHED = ".new"
    private const val YOUNG_MS = 60_000L // writing one takes less than a second

    private fun replace(file: File, bytes: ByteArray) {
        val unfinished = File.createTempFile(file.name, UNFINISHED, file.parentFile)
        try {
            unfinished.writeBytes(bytes)
            if (!unfinished.renameTo(file)) throw IOException("can't be renamed to ${file.name}")
        } finally {
            unfinished.delete() // if it wasn't renamed
        }
    }
}
