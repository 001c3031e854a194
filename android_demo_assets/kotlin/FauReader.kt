package dev.fau

/**
 * One face of a picture.
 *
 * @property mesh 478 points, and how sure the landmark network is.
 * @property landmarks x and y of 68 iBUG points, px of the picture.
 * @property matrix picture px -> crop px; its inverse carries heatmaps back.
 */
class FauFace(val mesh: FauMesh, val landmarks: DoubleArray, val matrix: Affine, val result: FauResult)

/**
 * Finds faces and estimates their AUs. Not thread-safe; `close` closes landmarker and estimator.
 *
 * Unlike the Python demo, it gives no quality score and smooths nothing.
 *
 * @property fallbacks why a network doesn't run on the GPU, one sentence each; empty if all do, or
 *   if the GPU wasn't requested.
 */
class FauReader(
    val landmarker: FauLandmarker,
    val estimator: FauEstimator,
    val fallbacks: List<String> = listOfNotNull(estimator.fallback),
) : AutoCloseable {
    private var tracker = FauTracker(landmarker)

    /** Returns the faces of a picture, left to right; empty if none was found. */
    fun read(image: FauImage): List<FauFace> = landmarker.find(image).map { face(image, it) }

    /** Returns the faces of the next frame of a video, left to right; see [FauTracker]. */
    fun next(image: FauImage): List<FauFace> = tracker.find(image).map { face(image, it) }

    /** Forgets the frames before: the next one is of another video. */
    fun restart() {
        tracker = FauTracker(landmarker)
    }

    private fun face(image: FauImage, mesh: FauMesh): FauFace {
        val size = estimator.info.imageSize
        val landmarks = FauPreprocess.ibug68(mesh.mesh)
        val matrix = FauPreprocess.cropMatrix(landmarks, size)
        return FauFace(mesh, landmarks, matrix, estimator.estimate(FauPreprocess.crop(image, matrix, size)))
    }

    override fun close() {
        landmarker.close()
        estimator.close()
    }
}
