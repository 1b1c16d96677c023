"""The same step as in steps.py in PyTorch: `steps_torch.py FIRST [--compile]`."""

from steps import arguments, labels, say

BLOCK = 12  # of torchvision's features: Keras's block_11, whose expansion ends before layer 100.


def main():
    args, work = arguments("--compile")
    import torch
    import torchvision

    torch.set_num_threads(work.threads)
    torch.set_num_interop_threads(1)
    model = torchvision.models.mobilenet_v2()
    model.classifier = torch.nn.Sequential(torch.nn.Dropout(0.2), torch.nn.Linear(1280, 1))
    # Only dropout is left in training mode.
    model = model.eval().to(memory_format=torch.channels_last)
    model.classifier.train()
    if args.first:
        for part in [*model.features[:BLOCK], model.features[BLOCK].conv[0]]:
            part.requires_grad_(False)
    trained = [tensor for tensor in model.parameters() if tensor.requires_grad]
    optimizer = torch.optim.RMSprop(trained, 1e-5, alpha=0.9, eps=1e-7)
    pictures = torch.from_numpy(work.pictures()).to(memory_format=torch.channels_last)
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
