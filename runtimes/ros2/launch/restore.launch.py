"""Start the node, configured and active: `ros2 launch restorect_ros restore.launch.py artifact:=DIR`."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, EmitEvent, RegisterEventHandler
from launch.events import matches_action
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from lifecycle_msgs.msg import Transition

ARGUMENTS = {"prior_every": "8", "smooth": "0.8", "image": "/camera/image_raw"}


def generate_launch_description() -> LaunchDescription:
    """Describe the node; it is activated once it was configured."""
    node = LifecycleNode(
        package="restorect_ros",
        executable="restore",
        name="restorect",
        namespace="",
        parameters=[{name: LaunchConfiguration(name) for name in ("artifact", "prior_every", "smooth")}],
        remappings=[("image", LaunchConfiguration("image"))],
    )

    def change(transition: int) -> EmitEvent:
        return EmitEvent(event=ChangeState(matches_action(node), transition))

    activate = OnStateTransition(
        target_lifecycle_node=node,
        start_state="configuring",
        goal_state="inactive",
        entities=[change(Transition.TRANSITION_ACTIVATE)],
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument("artifact", description="folder made by restorect_edge.export"),
            *(DeclareLaunchArgument(name, default_value=value) for name, value in ARGUMENTS.items()),
            RegisterEventHandler(activate),
            node,
            change(Transition.TRANSITION_CONFIGURE),
        ]
    )
