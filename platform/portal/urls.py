"""The shell's own pages: the start page, and signing in and out."""

from django.urls import path

from portal import home

app_name = "portal"
urlpatterns = [
    path("", home.Home.as_view(), name="home"),
]
