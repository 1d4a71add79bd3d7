"""Pictures through cv2.dnn.DetectionModel, which does the resizing, the decoding and the suppression itself.

    python detection_model.py *.jpg --cfg yolov2-voc.cfg --weights yolov2-voc.weights --names voc.names --outdir found

A picture that cannot be read is named, and the others go on.
"""

import argparse
import json
import os

import cv2

COLORS = [(0, 255, 255), (255, 255, 0), (0, 255, 0), (255, 0, 0), (255, 0, 255)]

ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument("images", nargs="+")
ap.add_argument("-c", "--cfg", required=True)
ap.add_argument("-w", "--weights", required=True)
ap.add_argument("-n", "--names", required=True)
ap.add_argument("-s", "--size", default="416x416", help="width x height of the network's input")
ap.add_argument("--conf", type=float, default=0.2)
ap.add_argument("--nms", type=float, default=0.4)
ap.add_argument("-o", "--outdir")
args = ap.parse_args()

with open(args.names) as f:
    class_names = [name.strip() for name in f]

net = cv2.dnn.readNet(args.weights, args.cfg)
net.setPreferableBackend(cv2.dnn.DNN_BACKEND_DEFAULT)
net.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)

width, height = map(int, args.size.split("x"))
model = cv2.dnn_DetectionModel(net)
model.setInputParams(size=(width, height), scale=1 / 255, swapRB=True)

for path in args.images:
    image = cv2.imread(path)
    if image is None:
        print(json.dumps({"image": os.path.basename(path), "error": "cannot be read"}))
        continue
    classes, scores, boxes = model.detect(image, args.conf, args.nms)
    for class_id, score, box in zip(classes, scores, boxes):
        name = class_names[int(class_id)]
        found = {"id": int(class_id), "class": name, "score": round(float(score), 6), "box": [int(v) for v in box]}
        print(json.dumps({"image": os.path.basename(path), **found}))
        color = COLORS[int(class_id) % len(COLORS)]
        cv2.rectangle(image, box, color, 2)
        cv2.putText(image, f"{name} : {score:.2f}", (box[0], box[1] - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.6, color, 1)
    if args.outdir:
        os.makedirs(args.outdir, exist_ok=True)
        cv2.imwrite(os.path.join(args.outdir, os.path.basename(path)), image)
