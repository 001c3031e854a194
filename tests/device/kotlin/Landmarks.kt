package dev.fau

import com.google.ai.edge.litert.CompiledModel.GpuOptions.Precision
import java.io.File

private fun networks(bundle: String, sha256: String, out: String, mode: String): Pair<FauLiteRtNetwork, FauLiteRtNetwork> {
    val files = FauBundle.extract(File(bundle).readBytes(), sha256, File(out))
    return FauLiteRtNetwork.open(files, useGpu = mode != "cpu", Precision.entries.find { it.name == mode } ?: Precision.FP32)
}

/** Writes every array of tests/golden/landmarker_steps.py, each computed from those before it. */
fun steps(arguments: List<String>) {
    val (bundle, sha256, out, mode) = arguments
    val (detector, landmarks) = networks(bundle, sha256, out, mode)
    println("detector\t${detector.accelerator} ${detector.fallback ?: ""}")
    println("landmarks\t${landmarks.accelerator} ${landmarks.fallback ?: ""}")
    FauLandmarker(detector, landmarks).use { landmarker ->
        arguments.drop(4).forEachIndexed { i, file ->
            val image = picture(File(file))
            val output = Output(File(out), "$i")
            val square = FauRegion.letterbox(image)
            val small = square.cut(image, FauDetector.SIDE, zeroBorder = true)
            output.floats("detector_input", small)
            val all = FauDetector.decode(detector.run(FauDetector.input(small)))
            output.doubles("scores", all.map { it.score }.toDoubleArray())
            output.doubles("boxes", all.flatMap { it.points.asList() }.toDoubleArray())
            val best = FauDetector.merge(all.filter { it.score >= FauLandmarker.DETECTION_CONFIDENCE }).first()
            val found = FauDetection(best.score, square.matrix(FauDetector.SIDE).map(best.points))
            output.doubles("low", found.points.copyOf(2))
            output.doubles("high", found.points.copyOfRange(2, 4))
            output.doubles("keypoints", found.points.copyOfRange(4, 16))
            output.region("region", found.region)
            output.floats("landmark_input", found.region.cut(image, FauLandmarker.SIDE, zeroBorder = false))
            val face = landmarker.at(image, found.region)
            output.doubles("presence", doubleArrayOf(face.presence))
            output.mesh("mesh", face)
            val next = FauRegion.next(face.mesh)
            output.region("next_region", next)
            output.mesh("followed", landmarker.at(image, next))
            output.mesh("found", landmarker.find(image).single())
        }
    }
}

/** Writes the meshes in all parts of each picture, one after the other. */
fun find(arguments: List<String>) {
    val (bundle, sha256, out, faces) = arguments
    val (detector, landmarks) = networks(bundle, sha256, out, "cpu")
    FauLandmarker(detector, landmarks, faces.toInt(), listOf(1, 2, 3)).use { landmarker ->
        arguments.drop(4).forEachIndexed { i, file -> Output(File(out), "$i").meshes(landmarker.find(picture(File(file)))) }
    }
}

/** Writes the meshes of pictures that are frames of a video. */
fun follow(arguments: List<String>) {
    val (bundle, sha256, out, faces) = arguments
    val (detector, landmarks) = networks(bundle, sha256, out, "cpu")
    FauLandmarker(detector, landmarks, faces.toInt()).use { landmarker ->
        val tracker = FauTracker(landmarker)
        arguments.drop(4).forEachIndexed { i, file -> Output(File(out), "$i").meshes(tracker.find(picture(File(file)))) }
    }
}

private fun Output.region(name: String, region: FauRegion) =
    doubles(name, doubleArrayOf(region.x, region.y, region.size, region.angle))

private fun Output.mesh(name: String, face: FauMesh) = doubles(name, face.mesh)

private fun Output.meshes(faces: List<FauMesh>) = doubles("meshes", faces.flatMap { it.mesh.asList() }.toDoubleArray())
