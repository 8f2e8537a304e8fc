"""Two people talk in a forum: topics with a poll and files, answers, profiles."""

from io import BytesIO
from pathlib import Path

from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from machina.apps.forum.models import Forum
from machina.apps.forum_conversation.models import Post, Topic
from machina.apps.forum_member.models import ForumProfile
from machina.apps.forum_permission.models import ForumPermission, UserForumPermission
from PIL import Image

from tests.bundles.browsing import post
from tests.bundles.people import PASSWORD, Left
from tests.bundles.running import DELETED

LEFT = [
    Left(
        "what somebody has written stays as an empty post, of an account that is nobody's any more",
        [
            "forum_conversation_post.poster_id",
            "forum_conversation_post.updated_by_id",
            "forum_conversation_topic.poster_id",
        ],
    ),
    Left("machina has a file in its cache, until that expires, while the post is written", ["cache"]),
]
CHANGED = [
    Left(
        "what who is gone has at a topic of another goes: files in an answer, a vote in the poll, the subscription",
        [
            "forum_attachments_attachment",
            "forum_conversation_topic_subscribers",
            "forum_polls_topicpollvote",
        ],
    ),
    Left(
        "Django deletes a topic with whoever has started it, and all answers to it",
        ["forum_conversation_post", "forum_member_forumprofile"],
        ways=DELETED,
    ),
]


def fill(gone, stays):
    forum = Forum.objects.create(name="Talk", type=Forum.FORUM_POST)
    clients = {}
    for person in (gone, stays):
        client = clients[person.number] = _sign_up(person, forum)
        _start_topic(person, client, forum)
        _have_profile(person, client)
    for person, other in ((gone, stays), (stays, gone)):
        _answer(other, clients[other.number], person.knows["topic"])
    # Nobody of the two has the last word.
    officer = get_user_model().objects.get(username="officer")
    for topic in Topic.objects.all():
        Post.objects.create(topic=topic, poster=officer, subject="Thanks", content="Closed.")


def _sign_up(person, forum):
    user = get_user_model().objects.create_user(person.username, person.email, PASSWORD, first_name=person.token())
    person.knows["pk"] = user.pk
    UserForumPermission.objects.create(
        user=user, forum=forum, permission=ForumPermission.objects.get(codename="can_lock_topics")
    )
    client = Client()
    client.force_login(user)
    return client


def _files(person):
    return {
        "attachment-TOTAL_FORMS": 1,
        "attachment-INITIAL_FORMS": 0,
        "attachment-0-file": SimpleUploadedFile(f"{person.token()}.txt", person.token().encode()),
        "attachment-0-comment": person.token(),
    }


def _start_topic(person, client, forum):
    form = {
        "subject": person.token(),
        "content": f"**{person.token()}**",
        "topic_type": Topic.TOPIC_POST,
        "enable_signature": "on",
        "poll_question": person.token(),
        "poll_max_options": 1,
        "poll-TOTAL_FORMS": 2,
        "poll-INITIAL_FORMS": 0,
        "poll-0-text": person.token(),
        "poll-1-text": person.token(),
        **_files(person),
    }
    post(client, f"/forum/{forum.slug}-{forum.pk}/topic/create/", form)
    person.knows["topic"] = Topic.objects.get(subject=form["subject"]).pk


def _have_profile(person, client):
    image = BytesIO()
    Image.new("RGB", (50, 50)).save(image, "PNG")
    form = {"signature": f"_{person.token()}_", "avatar": SimpleUploadedFile("me.png", image.getvalue())}
    post(client, "/member/profile/edit/", form)
    person.secret(Path(ForumProfile.objects.get(user_id=person.knows["pk"]).avatar.name).stem)


def _answer(person, client, topic):
    topic = Topic.objects.get(pk=topic)
    at = f"/forum/{topic.forum.slug}-{topic.forum.pk}/topic/{topic.slug}-{topic.pk}/"
    client.get(at)
    form = {"subject": person.token(), "content": person.token()}
    post(client, f"{at}post/create/", {**form, **_files(person)})
    answer = Post.objects.get(subject=form["subject"])
    no_files = {"attachment-TOTAL_FORMS": 0, "attachment-INITIAL_FORMS": 0}
    post(client, f"{at}{answer.pk}/post/update/", {**form, "update_reason": person.token(), **no_files})
    option = topic.poll.options.first()
    post(client, f"/poll/{topic.poll.pk}/vote/", {"options": [option.pk]})
    post(client, f"/member/topic/{topic.pk}/subscribe/")
    post(client, "/tracking/mark/forums/")
