package dev.fau

/**
 * Finds the faces of successive frames, as `fau_tf/inference/tracking.py` defines it, without its ids.
 *
 * A known face is followed: its last mesh tells the landmark network where to look, so the detector
 * doesn't run. After a lost face, or a frame without one, the whole picture and one of its nine
 * overlapping quarters are searched. While fewer than `numFaces` are tracked, one of [SEARCH_EVERY]
 * frames is searched for new ones. Nothing is smoothed or carried over.
 */
class FauTracker(private val landmarker: FauLandmarker) {
    private var frames = 0
    private var known: List<FauMesh>? = null

    /** Returns the faces of the next frame, left to right; empty if there is none. */
    fun find(image: FauImage): List<FauMesh> {
        val before = known.orEmpty()
        var found = if (before.isEmpty()) emptyList() else landmarker.follow(image, before)
        val more = more(image, found.size)
        if (more.isNotEmpty()) {
            found = FauLandmarker.largest(found + landmarker.find(image, more, found), landmarker.numFaces)
        }
        frames++
        known = found
        return found
    }

    /** Returns what else to search in this frame. */
    private fun more(image: FauImage, found: Int): List<FauWindow> {
        if (found == landmarker.numFaces) return emptyList()
        val parts = FauWindow.of(image, DIVISIONS)
        val before = known?.size ?: return parts
        val quarters = parts.drop(1)
        val lost = found == 0 || found < before
        val turn = frames % SEARCH_EVERY
        val more = if (lost || turn == 0) mutableListOf(parts.first()) else mutableListOf()
        // All nine have a turn, in nine frames in a row as in nine that are ten apart.
        if (quarters.isNotEmpty() && (lost || turn == SEARCH_EVERY / 2)) more += quarters[frames % quarters.size]
        return more
    }

    companion object {
        val DIVISIONS = listOf(1, 2)
        const val SEARCH_EVERY = 10
    }
}
