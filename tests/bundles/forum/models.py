"""The recipe for django-machina 1.3, which docs/howto/recipes shows from here on."""

from contextlib import contextmanager
from contextvars import ContextVar

from django.contrib.auth.models import User
from django.db.models.signals import post_delete
from django.dispatch import receiver
from machina.apps.forum_conversation.forum_attachments.models import Attachment
from machina.apps.forum_conversation.forum_polls.models import TopicPoll, TopicPollOption, TopicPollVote
from machina.apps.forum_conversation.models import Post, Topic
from machina.apps.forum_member.models import ForumProfile
from machina.apps.forum_member.receivers import decrease_posts_count_after_post_deletion
from machina.apps.forum_permission.models import UserForumPermission
from machina.apps.forum_tracking.models import ForumReadTrack, TopicReadTrack
from machina.models.fields import ExtendedImageField, MarkupTextField

import gdpr_assist
from gdpr_assist.signals import rows_anonymised


@gdpr_assist.rule(MarkupTextField)
def markup(field):
    return "" if field.blank else "removed"


@gdpr_assist.rule(ExtendedImageField)
def image(field):
    return ""


class TopicPrivacy:
    """Its subject is that of its first post."""

    bulk = True  # saving one makes the slug of the subject anew
    fields = ["subject", "slug"]
    keep = [
        "forum",
        "poster",
        "type",
        "status",
        "approved",
        "posts_count",
        "views_count",
        "last_post_on",
        "first_post",
        "last_post",
        "created",
        "updated",
    ]
    subject = "poster"
    actors = ["first_post", "last_post", "subscribers"]
    search_fields = ["subject__icontains"]


class PostPrivacy:
    bulk = True  # saving one counts those of the topic, and makes a profile
    fields = ["subject", "content", "_content_rendered", "username", "update_reason"]
    keep = [
        "topic",
        "poster",
        "anonymous_key",
        "approved",
        "enable_signature",
        "updated_by",
        "updates_count",
        "created",
        "updated",
    ]
    subject = "poster"
    actors = ["updated_by", "topic"]
    search_fields = ["username", "content__icontains"]

    def anonymise_username(self, instance):  # a guest has to have one
        return "removed" if instance.username else instance.username


class AttachmentPrivacy:
    fields = ["file", "comment"]
    keep = ["post"]
    subject = "post"
    on_erasure = "delete"

    def anonymise_file(self, instance):  # the column takes no empty one
        instance.file = "removed.txt"


class PollPrivacy:
    fields = ["question"]
    keep = ["topic", "duration", "max_options", "user_changes", "hide_results", "created", "updated"]
    subject = "topic"


class OptionPrivacy:
    fields = ["text"]
    keep = ["poll"]
    subject = "poll"


class OfTheUserPrivacy:
    """Goes with the account."""

    fields = []
    subject = "user"
    on_erasure = "delete"


class VotePrivacy(OfTheUserPrivacy):
    keep = ["poll_option", "voter", "anonymous_key", "timestamp"]
    subject = "voter"
    actors = ["poll_option"]


class ProfilePrivacy(OfTheUserPrivacy):
    fields = ["avatar", "signature", "_signature_rendered"]
    keep = ["user", "posts_count"]


class ForumTrackPrivacy(OfTheUserPrivacy):
    keep = ["user", "forum", "mark_time"]


class TopicTrackPrivacy(OfTheUserPrivacy):
    keep = ["user", "topic", "mark_time"]
    actors = ["topic"]


class PermissionPrivacy(OfTheUserPrivacy):
    keep = ["user", "forum", "permission", "has_perm", "anonymous_user", "authenticated_user"]


for model, privacy in {
    Topic: TopicPrivacy,
    Post: PostPrivacy,
    Attachment: AttachmentPrivacy,
    TopicPoll: PollPrivacy,
    TopicPollOption: OptionPrivacy,
    TopicPollVote: VotePrivacy,
    ForumProfile: ProfilePrivacy,
    ForumReadTrack: ForumTrackPrivacy,
    TopicReadTrack: TopicTrackPrivacy,
    UserForumPermission: PermissionPrivacy,
}.items():
    gdpr_assist.register(model, privacy)


@receiver(rows_anonymised, sender=User)
def unsubscribe(keys, using, **kwargs):
    Topic.subscribers.through.objects.using(using).filter(user_id__in=keys).delete()


# When a post is deleted, machina counts those of the account, and makes its profile anew if that has gone before.
counting = ContextVar("counting", default=True)
post_delete.disconnect(decrease_posts_count_after_post_deletion, sender=Post)


@receiver(post_delete, sender=Post)
def count(**kwargs):
    if counting.get():
        decrease_posts_count_after_post_deletion(**kwargs)


@gdpr_assist.register_switch
@contextmanager
def not_counting(using):
    token = counting.set(False)
    try:
        yield
    finally:
        counting.reset(token)
