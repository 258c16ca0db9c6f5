"""Our AWAC update in eager PyTorch: the same equations on the same values, as one would write it by hand.

Forward passes that both losses need are shared, both losses come from the networks before the step, and nothing is
measured that ours does not compute; so the comparison is between the frameworks, not between the algorithms.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.workload import Workload

LOG_STD_RANGE = (-6.0, 0.0)
LOG_TWO_PI = 1.8378770664093453


class TorchBatch(NamedTuple):
    """A batch of transitions."""

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    next_observations: Tensor
    terminated: Tensor


def perceptron(inputs: int, hidden: tuple[int, ...], outputs: int) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, outputs))


class Twin:
    """Networks, optimisers and the update."""

    def __init__(self, workload: Workload) -> None:
        """Networks with PyTorch's initial weights; targets are copies of the critics."""
        self.workload = workload
        pair = workload.observation + workload.action
        self.actor = perceptron(workload.observation, workload.hidden, workload.action)
        self.log_std_logit = nn.Parameter(torch.zeros(workload.action))
        self.critics = nn.ModuleList(perceptron(pair, workload.hidden, 1) for _ in range(workload.critics))
        self.targets = nn.ModuleList(perceptron(pair, workload.hidden, 1) for _ in range(workload.critics))
        self.targets.load_state_dict(self.critics.state_dict())
        self.targets.requires_grad_(False)
        policy = [*self.actor.parameters(), self.log_std_logit]
        rate = workload.learning_rate
        self.actor_optimizer = torch.optim.Adam(policy, lr=rate, weight_decay=workload.weight_decay)
        self.critic_optimizer = torch.optim.Adam(self.critics.parameters(), lr=rate)

    def policy(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation of the action."""
        low, high = LOG_STD_RANGE
        return torch.tanh(self.actor(observations)), low + (high - low) * torch.sigmoid(self.log_std_logit)

    def values(self, critics: nn.ModuleList, observations: Tensor, actions: Tensor) -> Tensor:
        """Q-values `(ensemble, batch)`, read as at most the upper bound while their gradient passes."""
        pairs = torch.cat([observations, actions], dim=-1)
        values = torch.stack([critic(pairs).squeeze(-1) for critic in critics])
        return values - torch.relu(values - self.workload.upper_bound).detach()

    def update(self, batch: TorchBatch, next_noise: Tensor, value_noise: Tensor) -> dict[str, float]:
        """One iteration of Algorithm 1; the noise is standard normal, `(batch, action)`."""
        workload = self.workload
        mean, log_std = self.policy(batch.observations)
        values = self.values(self.critics, batch.observations, batch.actions)
        with torch.no_grad():
            next_mean, _ = self.policy(batch.next_observations)
            next_actions = next_mean + log_std.exp() * next_noise
            next_values = self.values(self.targets, batch.next_observations, next_actions).amin(0)
            bootstrap = workload.discount * (~batch.terminated).float()
            targets = (batch.rewards + bootstrap * next_values).clamp(max=workload.upper_bound)
            sampled = mean + log_std.exp() * value_noise
            value = self.values(self.critics, batch.observations, sampled).amin(0)
            score = (values.amin(0) - value) / workload.temperature
            weight = score.exp().clamp(max=workload.weight_cap)
        critic_loss = (values - targets).square().mean(1).sum()
        standardized = (batch.actions - mean) * torch.exp(-log_std)
        log_prob = -0.5 * (standardized.square() + 2.0 * log_std + LOG_TWO_PI).sum(-1)
        actor_loss = -(weight * log_prob).mean()
        self.actor_optimizer.zero_grad()
        self.critic_optimizer.zero_grad()
        (critic_loss + actor_loss).backward()
        self.actor_optimizer.step()
        self.critic_optimizer.step()
        with torch.no_grad():
            for target, source in zip(self.targets.parameters(), self.critics.parameters(), strict=True):
                target.lerp_(source, workload.target_rate)
        return {"critic_loss": critic_loss.item(), "actor_loss": actor_loss.item()}
