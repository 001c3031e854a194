"""Vertex lists of the 468-vertex canonical face mesh: eyelids, lips, brows, rim.

`RIGHT` is the person's right, on the image's left, x < 0. Numbers are those of MediaPipe's mesh.
"""

FACE_VERTICES = 468

RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_UPPER_LID = (246, 161, 160, 159, 158, 157, 173)
RIGHT_LOWER_LID = (7, 163, 144, 145, 153, 154, 155)
RIGHT_LID_FOLD = (247, 30, 29, 27, 28, 56, 190)
"""The ring above the margin of the upper eyelid."""
RIGHT_LID_BAG = (25, 110, 24, 23, 22, 26, 112)
"""The ring below the margin of the lower eyelid."""
UPPER_LIDS = (*RIGHT_UPPER_LID, 466, 388, 387, 386, 385, 384, 398)

UPPER_INNER_LIP = (191, 80, 81, 82, 13, 312, 311, 310, 415)
LOWER_INNER_LIP = (95, 88, 178, 87, 14, 317, 402, 318, 324)
"""Opposite points: the i-th of both coincide while the mouth is shut."""
UPPER_OUTER_LIP = (185, 40, 39, 37, 0, 267, 269, 270, 409)
LOWER_OUTER_LIP = (146, 91, 181, 84, 17, 314, 405, 321, 375)
UPPER_MID_LIP = (184, 74, 73, 72, 11, 302, 303, 304, 408, 183, 42, 41, 38, 12, 268, 271, 272, 407)
LOWER_MID_LIP = (77, 90, 180, 85, 16, 315, 404, 320, 307, 96, 89, 179, 86, 15, 316, 403, 319, 325)
LIP_CORNERS = (61, 291, 78, 308, 62, 292, 76, 306)
UPPER_LIP = (*UPPER_INNER_LIP, *UPPER_MID_LIP, *UPPER_OUTER_LIP)
LOWER_LIP = (*LOWER_INNER_LIP, *LOWER_MID_LIP, *LOWER_OUTER_LIP)
"""The red of each lip, without the corners."""
INNER_LIPS = (78, *UPPER_INNER_LIP, 308, *LOWER_INNER_LIP[::-1])
"""The mouth opening, clockwise as the viewer sees it."""
OUTER_LIPS = (61, *UPPER_OUTER_LIP, 291, *LOWER_OUTER_LIP[::-1])

RIGHT_BROW_TOP = (70, 63, 105, 66, 107)
RIGHT_BROW_BOTTOM = (46, 53, 52, 65, 55)

FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""The rim of the mesh, clockwise as the viewer sees it, from the forehead."""
