"""The same step as in steps.py in PyTorch: `steps_torch.py FIRST [--compile] [--base NAME]`.

NAME is one of headstart's, from the suite of all bases in ../peers; all of its layers are trained.
"""

from steps import arguments, labels, say

BLOCK = 12  # of torchvision's features: Keras's block_11, whose expansion ends before layer 100.


def mobilenet_v2(torch, first):
    """The tutorial's base, with its layers before `first` frozen."""
    import torchvision

    model = torchvision.models.mobilenet_v2()
    model.classifier = torch.nn.Identity()
    if first:
        for part in [*model.features[:BLOCK], model.features[BLOCK].conv[0]]:
            part.requires_grad_(False)
    return model


def with_head(torch, base, pictures):
    """The base in inference mode, followed by a head of one logit whose dropout is active."""
    base = base.eval()
    with torch.no_grad():
        features = base(pictures[:1]).shape[1]
    head = torch.nn.Sequential(torch.nn.Dropout(0.2), torch.nn.Linear(features, 1))
    return torch.nn.Sequential(base, head)


def main():
    args, work = arguments("--compile")
    import torch

    torch.set_num_threads(work.threads)
    torch.set_num_interop_threads(1)
    pictures = torch.from_numpy(work.pictures()).to(memory_format=torch.channels_last)
    if args.base == "mobilenetv2":
        base = mobilenet_v2(torch, args.first)
    else:
        from cases import BASES
        from networks import build

        base = build(next(network for network in BASES if network.base == args.base))
    model = with_head(torch, base, pictures).to(memory_format=torch.channels_last)
    trained = [tensor for tensor in model.parameters() if tensor.requires_grad]
    optimizer = torch.optim.RMSprop(trained, 1e-5, alpha=0.9, eps=1e-7)
    wanted = torch.from_numpy(labels(work))
    run = torch.compile(model) if args.compile else model

    def step():
        loss = torch.nn.functional.binary_cross_entropy_with_logits(run(pictures), wanted)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    say(step, work)


main()
