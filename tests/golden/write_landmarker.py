"""Write tests/golden/landmarker.json: python tests/golden/write_landmarker.py."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.golden.landmarker_steps import FILE, KEPT_SCORE, PICTURES, ROWS, TOLERANCES, steps

content = {
    "kept_rows": ROWS,
    "kept_score": KEPT_SCORE,
    "tolerances": {
        step: {"tolerance": limit, "unit": unit} for step, (limit, unit) in TOLERANCES.items()
    },
    "pictures": {
        # 12 digits: exact for what is computed in double precision
        picture: {
            step: json.loads(json.dumps(values.round(12).tolist()))
            for step, values in steps(picture).items()
        }
        for picture in PICTURES
    },
}
FILE.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
