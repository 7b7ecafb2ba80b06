"""Train fastai's U-Net on a ResNet-34: `ceruleanml train model=unet_resnet34` with your settings behind it."""

import sys

from ceruleanml.cli.main import main

if __name__ == "__main__":
    sys.argv[1:1] = ["train", "model=unet_resnet34"]
    main()
